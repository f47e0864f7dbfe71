import { byId } from "explorer/dom.js";

const THEMES = ["system", "light", "dark"];

/** Follow the system's choice of light or dark, or the reader's. Canvases are drawn again on the event `theme`. */
export function followTheme(state) {
  const button = byId("theme");
  const show = () => {
    const theme = THEMES.includes(state.view.theme) ? state.view.theme : "system";
    button.textContent = `Theme: ${theme}`;
    if (document.documentElement.dataset.theme === theme) return;
    document.documentElement.dataset.theme = theme;
    dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(state.view.theme) + 1) % THEMES.length];
    state.setView({ theme: next });
  });
  state.addEventListener("view", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("theme")));
  show();
}
