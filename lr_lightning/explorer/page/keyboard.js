import { byId, element } from "explorer/dom.js";

const DIVISIONS = 40; // presses of an arrow key across the range of a latent
const KEYS = [
  ["← →", "move the chosen latent; with Shift, five times as far"],
  ["↑ ↓", "choose another latent"],
  ["R", "reset to the first code"],
  ["X", "random code"],
  ["U, Ctrl Z", "undo"],
  ["Y, Ctrl Shift Z", "redo"],
  ["[ ]", "previous or next observation of the data"],
  ["/", "search latents"],
  ["L", "copy a link to this view"],
  ["?", "this list"],
];

/** Connect the buttons of the toolbar and the keys that do the same. */
export function followKeyboard(state, panel) {
  const actions = {
    r: () => state.reset(),
    x: () => state.move(randomCode(state.data)),
    u: () => state.undo(),
    y: () => state.redo(),
    l: () => copyLink(),
    "/": () => panel.search(),
    "?": () => byId("help").showModal(),
    "[": () => stepExample(state, -1),
    "]": () => stepExample(state, 1),
  };
  const buttons = { reset: "r", random: "x", undo: "u", redo: "y", link: "l", keys: "?" };
  for (const [id, key] of Object.entries(buttons)) byId(id).addEventListener("click", actions[key]);
  byId("help-keys").append(...KEYS.flatMap(([key, meaning]) => [element("dt", {}, key), element("dd", {}, meaning)]));

  const enable = () => {
    byId("undo").disabled = !state.canUndo;
    byId("redo").disabled = !state.canRedo;
  };
  state.addEventListener("code", enable);
  enable();

  document.addEventListener("keyup", () => state.endGesture());
  document.addEventListener("keydown", (event) => {
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== "z") return;
      actions[event.shiftKey ? "y" : "u"]();
    } else if (event.altKey) {
      return;
    } else if (event.key.startsWith("Arrow")) {
      if (!moveByArrow(event, state, panel)) return;
    } else if (actions[event.key.toLowerCase()]) {
      actions[event.key.toLowerCase()]();
    } else {
      return;
    }
    event.preventDefault();
  });
}

function isTyping(target) {
  return target.matches("select, textarea, input:not([type=range])");
}

/** Act on an arrow key, and return whether it was ours: sliders of paths, for example, move by themselves. */
function moveByArrow(event, state, panel) {
  if (event.target.matches("input[type=range]") && event.target.closest("[data-latent]") === null) return false;
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    state.choose(panel.neighbor(event.key === "ArrowUp" ? -1 : 1));
    panel.focus();
    return true;
  }
  const { low, high } = state.data.latents[state.latent];
  const step = ((high - low) / DIVISIONS) * (event.shiftKey ? 5 : 1) * (event.key === "ArrowLeft" ? -1 : 1);
  const value = state.code[state.latent] + step;
  state.moveLatent(state.latent, Math.min(high, Math.max(low, value)), `keys ${state.latent}`);
  return true;
}

/** Return one of the codes of the data that came with the page; one of the prior if there are none. */
function randomCode({ samples, start }) {
  const codes = [samples.aggregate, samples.prior].find((each) => each?.length > 0) ?? [start];
  return codes[Math.floor(Math.random() * codes.length)];
}

function stepExample(state, step) {
  const { examples } = state.data;
  if (examples.length === 0) return;
  const next = state.example === null ? 0 : (state.example + step + examples.length) % examples.length;
  state.move(examples[next].code, { example: next });
}

async function copyLink() {
  // The address is written with a delay, so let it catch up.
  await new Promise((resolve) => setTimeout(resolve, 300));
  try {
    await navigator.clipboard.writeText(location.href);
    byId("status").textContent = "Link copied.";
  } catch {
    byId("address-text").value = location.href;
    byId("address").showModal();
    byId("address-text").select();
  }
}
