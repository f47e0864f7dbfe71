/**
 * Return a new element.
 *
 * Children that are strings become text, never HTML, so that names of latents and factors cannot inject any.
 *
 * @param {string} tag
 * @param {Object<string, string | number | boolean | Function>} attributes functions are listeners of the event of that
 *   name; `true` sets an empty attribute, `false` none.
 * @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Set the text of an element, unless it is the present one: the browser would lay out everything around it again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const byId = (id) => document.getElementById(id);

/**
 * Return a paragraph that explains the marks of a chart.
 *
 * @param {Object<string, string>} texts what each mark means, by the classes of its swatch
 */
export function legend(texts) {
  const items = Object.entries(texts).map(([name, text]) =>
    element("span", {}, element("i", { class: `swatch ${name}`, "aria-hidden": "true" }), text),
  );
  return element("p", { class: "caption legend" }, ...items);
}

/**
 * Return a select element with the labels as options, hidden if there is no choice.
 *
 * @param {string} label
 * @param {string[]} options
 * @param {(index: number) => void} choose
 */
export function chooser(label, options, choose) {
  const select = element(
    "select",
    { "aria-label": label, change: () => choose(select.selectedIndex) },
    ...options.map((text) => element("option", {}, text)),
  );
  select.hidden = options.length < 2;
  return select;
}
