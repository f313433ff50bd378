// Runs before the first paint, so that a dark page never flashes white.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  let chosen = null;
  try { chosen = localStorage.getItem("reportdesk-theme"); } catch { /* storage may be forbidden: follow the system */ }
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => root.setAttribute("data-bs-theme", chosen ?? (system.matches ? "dark" : "light"));
  system.addEventListener("change", apply);
  window.reportdeskTheme = {
    toggle() {
      chosen = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
      try { localStorage.setItem("reportdesk-theme", chosen); } catch { /* kept for this page only */ }
      apply();
    },
  };
  apply();
})();
