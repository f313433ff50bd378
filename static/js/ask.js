// The form that asks for a report: searchable selects, a live preview, an address to copy.
(() => {
  "use strict";

  // As long as the server takes, with room for its own name (webapp/cli/web.py).
  const LONGEST_ADDRESS = 8000;
  // Whether the button is held down; how often something was changed.
  let pressed = false;
  let changes = 0;

  function enhance(root) {
    for (const select of root.querySelectorAll("select[data-many]")) {
      if (select.tomselect || !window.TomSelect) continue;
      const at = select.dataset.searchAt;
      const words = document.getElementById("ask").dataset;
      const options = {
        maxOptions: 200,
        hidePlaceholder: true,
        plugins: { caret_position: {}, remove_button: { title: words.remove } },
        closeAfterSelect: false,
        // Enter takes what is on the list, so the list must never lag behind what was typed.
        refreshThrottle: 0,
        render: {
          no_results: (_, escape) => `<div class="no-results">${escape(words.nothingFound)}</div>`,
          option: (data, escape) => `<div>${escape(data.text)}${data.note ? ` <span class="sub">${escape(data.note)}</span>` : ""}</div>`,
        },
      };
      if (at) {
        Object.assign(options, {
          valueField: "value",
          labelField: "text",
          searchField: [],
          preload: "focus",
          load: (query, callback) => {
            fetch(`${at}?q=${encodeURIComponent(query)}`, { headers: { Accept: "application/json" } })
              .then((answer) => (answer.ok ? answer.json() : []))
              .then(callback, () => callback());
          },
          onType() { this.clearOptions(); },
          // The server has searched already.
          score: () => () => 1,
        });
      }
      new window.TomSelect(select, options);
    }
    period(root);
  }

  // The days of a period are asked for only when they are its own.
  function period(root) {
    const select = document.getElementById("period");
    if (!select) return;
    for (const field of document.querySelectorAll(".custom-period")) field.hidden = select.value !== "custom";
    const detail = document.getElementById("detail");
    const grouped = document.getElementById("grouped");
    if (detail && grouped) grouped.hidden = detail.checked;
    const listed = document.getElementById("listed");
    if (detail && listed) listed.hidden = !detail.checked;
    const ofGroups = document.getElementById("of-groups");
    if (detail && ofGroups) ofGroups.hidden = detail.checked;
  }

  // What the page is about stands above the form, too.
  function heading() {
    const chosen = document.getElementById("type").selectedOptions[0];
    const title = document.querySelector("h1");
    document.title = document.title.replace(title.textContent, chosen.text);
    title.textContent = chosen.text;
    document.getElementById("type-description").textContent = chosen.dataset.description;
  }

  // A panel stays as it was left, whatever comes anew around it.
  const panels = new Map();
  function keepPanels() {
    for (const each of document.querySelectorAll("#question details[id]")) panels.set(each.id, each.open);
  }
  function leavePanels() {
    // Where something is wrong it has to be seen.
    for (const each of document.querySelectorAll("#question details[id]")) {
      if (panels.has(each.id) && !each.querySelector("[aria-invalid]")) each.open = panels.get(each.id);
    }
  }

  function addressOf(form) {
    const params = new URLSearchParams();
    const conditions = [...form.querySelectorAll(".condition")].some((row) => row.querySelector("select").value);
    for (const [name, value] of new FormData(form)) {
      if (["csrf_token", "submission", "insist", "made_for", "notify", "send_to"].includes(name)) continue;
      // The three columns of the conditions stand side by side: an empty cell keeps its place.
      if (["where", "compare", "value"].includes(name) ? conditions : value) params.append(name, value);
    }
    return `${form.action.split("?")[0]}?${params}`;
  }

  function reload() {
    document.getElementById("question").dispatchEvent(new Event("reload-question"));
  }

  function start() {
    const form = document.getElementById("ask");
    if (!form || form.dataset.started) return;
    form.dataset.started = "yes";
    const preview = document.getElementById("preview");
    // Between press and release of the button nothing may move below the hand, or the click is lost.
    form.addEventListener("pointerdown", (event) => { pressed = Boolean(event.target.closest(".sticky-submit button")); });
    window.addEventListener("pointerup", () => setTimeout(() => { pressed = false; }));
    form.addEventListener("change", (event) => {
      period(form);
      changes += 1;
      if (event.target.id === "type") heading();
      if (event.target.matches("[data-reload]")) reload();
      if (event.target.id !== "type") preview.dispatchEvent(new Event("refresh-preview"));
      // A reload loses nothing: the address is the question.
      const address = addressOf(form);
      if (address.length < LONGEST_ADDRESS) history.replaceState(history.state, "", address);
    });
    // Numbers and values are previewed as one types; all else when it is chosen.
    form.addEventListener("input", (event) => {
      changes += 1;
      if (event.target.matches("[data-live], input[type=number]")) preview.dispatchEvent(new Event("refresh-preview"));
    });
    form.addEventListener("click", (event) => {
      const button = event.target.closest("[data-copy-question]");
      if (!button) return;
      const address = addressOf(form);
      const fits = address.length < LONGEST_ADDRESS;
      if (fits) button.dataset.copy = address;
      else delete button.dataset.copy;
      button.querySelector("[data-copy-label]").textContent = fits ? button.dataset.label : button.dataset.tooLong;
      if (!fits) window.reportdeskSay?.(button.dataset.tooLong);
    }, true);
  }

  window.reportdeskAsk = () => { start(); enhance(document); };
  // Each request knows what it was made of.
  document.addEventListener("htmx:config:request", (event) => {
    if (event.detail.ctx.sourceElement.id === "question") event.detail.ctx.changes = changes;
  });
  document.addEventListener("htmx:before:swap", (event) => {
    // Tom Select's own elements must not be morphed: give the plain selects back first.
    const question = document.getElementById("question");
    if (!question || !event.detail?.ctx?.target?.closest?.("#question")) return;
    if (pressed) {
      event.preventDefault();
      return;
    }
    // What was chosen while the answer was on its way is not in it: ask once more.
    if (event.detail.ctx.sourceElement === question && event.detail.ctx.changes !== changes) {
      event.preventDefault();
      reload();
      return;
    }
    keepPanels();
    for (const select of question.querySelectorAll("select[data-many]")) select.tomselect?.destroy();
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const told = event.detail?.ctx?.target?.querySelector?.("#preview [data-say], :scope > [data-say]");
    if (told) window.reportdeskSay?.(told.dataset.say);
    if (event.detail?.ctx?.target?.id === "question") {
      leavePanels();
      document.getElementById("preview")?.dispatchEvent(new Event("refresh-preview"));
    }
  });
})();
