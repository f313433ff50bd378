// Small things a page does itself. Everything works without them, only less comfortably.
(() => {
  "use strict";

  const token = () => document.querySelector('meta[name="csrf-token"]')?.content;

  // htmx requests that change something carry the CSRF token.
  document.addEventListener("htmx:config:request", (event) => {
    const request = event.detail.ctx.request;
    if (!/^(GET|HEAD|OPTIONS)$/i.test(request.method)) request.headers["X-CSRFToken"] = token();
    else request.body?.delete?.("csrf_token"); // a token does not belong into an address
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) window.reportdeskTheme.toggle();
    event.target.closest("[data-dismiss]")?.closest(".alert")?.remove();
    // One menu at a time; a click elsewhere closes it.
    for (const menu of document.querySelectorAll("details.menu[open], details.confirm[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) copyText(copy);
  });

  // A menu closes when the focus goes elsewhere. (Nowhere is not elsewhere: the window may have lost it.)
  document.addEventListener("focusout", (event) => {
    const menu = event.target.closest?.("details.menu[open], details.confirm[open]");
    if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });

  // A table that has more than it shows fades where it goes on.
  function showScroll(box) {
    const left = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.classList.toggle("goes-on", left > 2);
  }
  const sizes = "ResizeObserver" in window ? new ResizeObserver((seen) => seen.forEach((each) => showScroll(each.target))) : null;
  document.addEventListener("scroll", (event) => {
    if (event.target.classList?.contains("table-scroll")) showScroll(event.target);
  }, true);

  // A search has asked as one typed; leaving its field must not ask again, under the menus opened meanwhile.
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-search]")) event.stopPropagation();
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest?.("details.menu[open], details.confirm[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
    }
    // "/" goes to the search field, as in most consoles, except while one is typing.
    if (event.key === "/" && !event.target.closest("input, textarea, select, [contenteditable]")) {
      const search = document.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });

  function say(text) {
    const announcer = document.getElementById("announcer");
    if (announcer && announcer.textContent !== text) announcer.textContent = text;
  }

  window.reportdeskSay = say;

  async function copyText(button) {
    const text = button.dataset.copy || location.href;
    try {
      await navigator.clipboard.writeText(new URL(text, location.href).href);
      say(button.dataset.copied);
      const label = button.querySelector("[data-copy-label]") ?? button;
      const before = label.textContent;
      label.textContent = button.dataset.copied;
      setTimeout(() => { label.textContent = before; }, 2000);
    } catch {
      prompt(button.dataset.copyByHand ?? "", new URL(text, location.href).href);
    }
  }

  // The first error of a form that came back, or the message that explains it.
  function focusFirstError() {
    const target = document.querySelector("[aria-invalid='true'], .is-invalid") ?? document.querySelector("[data-focus]");
    if (!target) return;
    target.closest("details:not([open])")?.setAttribute("open", "");
    (target.tomselect ?? target).focus();
  }

  // What has just been done can be undone for some seconds, counted on the button; then the offer goes.
  function countUndo() {
    for (const form of document.querySelectorAll("form[data-undo]:not([data-counting])")) {
      form.dataset.counting = "yes";
      const left = form.querySelector("[data-undo-left]");
      const until = Date.now() + 1000 * Number(form.dataset.undo);
      const tick = () => {
        const seconds = Math.ceil((until - Date.now()) / 1000);
        if (seconds <= 0) { form.remove(); return; }
        left.textContent = ` (${seconds})`;
        setTimeout(tick, 250);
      };
      tick();
    }
  }

  // A form is sent once: a second click while the first is on its way does nothing.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // --- a report that is being made: title, icon and a notification tell when it is done -----------------------------
  const watched = { state: null };
  function watch() {
    const live = document.querySelector("[data-live-state]");
    if (!live) return;
    const { liveState: state, liveKind: kind, liveTitle: title, liveSay: words } = live.dataset;
    if (words) say(words);
    if (title) document.title = title;
    const icon = document.getElementById("favicon");
    if (icon && kind === "done") icon.href = icon.dataset.done;
    if (icon && kind === "failed") icon.href = icon.dataset.failed;
    if (watched.state && watched.state !== state && kind !== "busy") notify(live.dataset.liveNotice);
    watched.state = state;
  }
  function notify(text) {
    if (document.visibilityState === "visible" || !("Notification" in window)) return;
    if (Notification.permission === "granted" && text) new Notification(text);
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-notify]");
    if (!button) return;
    const answer = await Notification.requestPermission();
    button.textContent = answer === "granted" ? button.dataset.yes : button.dataset.no;
    button.disabled = true;
  });
  function offerNotifications() {
    for (const button of document.querySelectorAll("[data-notify]")) {
      button.hidden = !("Notification" in window) || Notification.permission !== "default";
    }
  }

  // --- lists: selection ---------------------------------------------------------------------------------------------
  function selection(form) {
    const boxes = [...form.querySelectorAll("input[name=id]")];
    const chosen = boxes.filter((box) => box.checked).length;
    const every = form.querySelector("[data-select-page]");
    if (every) {
      every.checked = chosen > 0 && chosen === boxes.length;
      every.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    const matching = form.querySelector("input[name=all_matching]");
    if (matching && chosen < boxes.length) matching.checked = false;
    const bar = form.querySelector("[data-bulk]");
    if (!bar) return;
    bar.classList.toggle("is-on", chosen > 0);
    const offer = bar.querySelector("[data-offer-all]");
    if (offer) offer.hidden = !(boxes.length && chosen === boxes.length);
    const count = bar.querySelector("[data-count]");
    if (!count) return;
    count.textContent = matching?.checked ? count.dataset.all : count.dataset.some.replace("#", chosen);
    // Each question says how many it is about, and which.
    const names = boxes.filter((box) => box.checked).map((box) => box.closest("tr")?.querySelector(".name")?.textContent ?? "");
    const some = names.slice(0, 3).map((name) => `“${name}”`).join(", ") + (names.length > 3 || matching?.checked ? " …" : "");
    for (const said of bar.querySelectorAll("[data-said]")) said.textContent = `${count.textContent}: ${some}`;
  }
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-list]");
    if (!form) return;
    if (event.target.matches("[data-select-page]")) {
      for (const box of form.querySelectorAll("input[name=id]")) box.checked = event.target.checked;
    }
    selection(form);
  });

  // Enter on a box sends nothing; in a question it answers with that question's button.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("form[data-list] input, form[data-list] select")) return;
    event.preventDefault();
    event.target.closest(".confirm-body")?.querySelector("button")?.click();
  });

  // --- the result table: one Tab stop for all numbers that lead somewhere; arrows go from one to the next --------------
  function rove() {
    const links = document.querySelectorAll("#result-table .behind");
    links.forEach((link, number) => { link.tabIndex = number ? -1 : 0; });
  }
  document.addEventListener("keydown", (event) => {
    const link = event.target.closest?.("#result-table .behind");
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!link || !step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const rows = [...link.closest("table").querySelectorAll("tbody tr, tfoot tr")];
    let [row, column] = [rows.indexOf(link.closest("tr")), link.closest("td").cellIndex];
    let next = null;
    while (!next) {
      row += step[0];
      column += step[1];
      const cell = rows[row]?.cells[column];
      if (!cell) return;
      next = cell.querySelector(".behind");
    }
    link.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  // --- a session that has ended: the page stays as it is, and stops asking until one comes back to it ----------------
  let ended = false;
  document.addEventListener("htmx:before:request", (event) => {
    const asks = event.detail.ctx.sourceElement?.getAttribute?.("hx-trigger") ?? "";
    if (ended && /\bevery\b/.test(asks)) event.preventDefault();
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { status } = event.detail.ctx.response;
    if (status === 401) ended = true;
    else if (status < 400) {
      ended = false;
      document.querySelector("[data-session-ended]")?.remove();
    }
  });
  // Perhaps one has signed in in another window.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ended = false; });

  function ready(root) {
    countUndo();
    rove();
    for (const box of document.querySelectorAll(".table-scroll")) { showScroll(box); sizes?.observe(box); }
    watch();
    offerNotifications();
    for (const form of document.querySelectorAll("form[data-list]")) selection(form);
    window.reportdeskAsk?.(root);
  }
  document.addEventListener("DOMContentLoaded", () => { ready(document); focusFirstError(); });
  document.addEventListener("htmx:after:swap", () => ready(document));
})();
