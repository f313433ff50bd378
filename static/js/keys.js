// The keyboard: a palette to go anywhere (Ctrl-K), single keys, and the sheet that tells of them.
(() => {
  "use strict";

  const palette = document.getElementById("palette");
  const sheet = document.getElementById("keys");
  if (!palette || !sheet) return;
  const input = palette.querySelector("input");
  const found = document.getElementById("palette-found");
  const places = JSON.parse(sheet.dataset.places);

  // --- the palette --------------------------------------------------------------------------------------------------
  let asked = 0;
  async function ask() {
    const number = ++asked;
    const address = `${palette.dataset.address}?${new URLSearchParams({ q: input.value })}`;
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    if (number !== asked) return; // something else has been typed meanwhile
    if (answer.ok) found.innerHTML = await answer.text();
    else palette.querySelector("form").submit(); // a session that ended: the page itself says so
  }
  let soon;
  input.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(ask, 150); });

  function openPalette() {
    if (palette.open) { palette.close(); return; }
    palette.showModal();
    input.select();
    ask();
  }
  palette.addEventListener("keydown", (event) => {
    const links = [...found.querySelectorAll("a")];
    const here = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = here + (event.key === "ArrowDown" ? 1 : -1);
      (next < 0 ? input : links[Math.min(next, links.length - 1)])?.focus();
    }
    if (event.key === "Enter" && document.activeElement === input && links.length) {
      event.preventDefault();
      links[0].click();
    }
  });

  // --- dialogs: a click beside them closes them ----------------------------------------------------------------------
  for (const dialog of [palette, sheet]) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close-dialog]")) dialog.close();
    });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette]")) { event.preventDefault(); openPalette(); }
    if (event.target.closest("[data-keys]")) sheet.showModal();
  });

  // --- single keys: can be turned off, because whoever speaks to the computer types them without meaning to ------------
  const off = document.getElementById("keys-on");
  try { off.checked = localStorage.getItem("reportdesk-keys") !== "off"; } catch { /* storage may be forbidden */ }
  off.addEventListener("change", () => {
    try { localStorage.setItem("reportdesk-keys", off.checked ? "on" : "off"); } catch { /* for this page only */ }
  });
  let before = "";
  let forget;
  document.addEventListener("keydown", (event) => {
    if (event.key?.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      openPalette();
      return;
    }
    if (!off.checked || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog[open]")) return;
    if (event.key === "?") { event.preventDefault(); sheet.showModal(); return; }
    const pressed = before + event.key.toLowerCase();
    before = event.key === "g" ? "g" : "";
    clearTimeout(forget);
    forget = setTimeout(() => { before = ""; }, 1500);
    if (places[pressed]) { event.preventDefault(); location.href = places[pressed]; }
  });
})();
