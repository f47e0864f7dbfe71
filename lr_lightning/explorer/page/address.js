const WAIT = 250; // ms; browsers refuse very frequent changes of the address

/**
 * Return the fragment of the address that describes a view.
 *
 * Of the code, it has the latents that differ from the start, with enough digits to return to it.
 */
export function fragmentOf(state) {
  const { data, code, latent, example, view } = state;
  const moved = code
    .map((value, index) => [index, value])
    .filter(([index, value]) => value !== data.start[index])
    .map(([index, value]) => `${index}:${Number(value.toPrecision(7))}`);
  const words = new URLSearchParams();
  if (moved.length > 0) words.set("z", moved.join("_"));
  words.set("latent", latent);
  if (example !== null) words.set("example", example);
  for (const [name, value] of Object.entries(view)) {
    if (value !== null && value !== 0 && value !== "system") words.set(name, value);
  }
  return `#${words.toString().replaceAll("%3A", ":")}`;
}

/** Show the view that a fragment describes; what it does not mention, or what does not exist, is as at the start. */
export function applyFragment(state, fragment) {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  const { data } = state;
  const code = [...data.start];
  for (const word of (words.get("z") ?? "").split("_").filter(Boolean)) {
    const [index, value] = word.split(":").map(Number);
    if (index in code && Number.isFinite(value)) code[index] = value;
  }
  const view = { matrix: words.get("matrix"), theme: words.get("theme") ?? "system" };
  for (const [name, items] of [
    ["slice", data.slices],
    ["path", data.paths],
    ["factor", data.factors],
  ]) {
    view[name] = indexOf(words.get(name), items) ?? 0;
  }
  state.setView(view);
  state.move(code, { example: indexOf(words.get("example"), data.examples) });
  state.choose(indexOf(words.get("latent"), data.latents) ?? state.latent);
}

function indexOf(word, items) {
  const index = word === null || word === "" ? NaN : Number(word);
  return Number.isInteger(index) && index in items ? index : null;
}

/** Keep the address in step with the view, and follow it where the reader changes it. */
export function followAddress(state) {
  let timer = null;
  let written = null;
  const write = () => {
    timer = null;
    written = fragmentOf(state);
    try {
      history.replaceState(null, "", written);
    } catch {
      // A page inside another document (a notebook) has no address of its own to change.
    }
  };
  const later = () => {
    timer ??= setTimeout(write, WAIT);
  };
  for (const name of ["code", "latent", "example", "view"]) state.addEventListener(name, later);
  addEventListener("hashchange", () => {
    if (location.hash !== written) applyFragment(state, location.hash);
  });
}
