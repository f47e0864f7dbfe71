import { significant } from "explorer/charts.js";
import { byId, element } from "explorer/dom.js";

/** A table of scores with chance level and ceiling, and cautions. */
export function showScores({ state }) {
  const { scores, cautions = [], notes = [] } = state.data;
  byId("scores").hidden = scores.length + cautions.length + notes.length === 0;
  const container = byId("scores-content");
  for (const sentence of cautions) container.append(element("p", { class: "caution" }, sentence));
  for (const sentence of notes) container.append(element("p", { class: "note" }, sentence));
  if (scores.length === 0) return;
  const heads = ["Score", "Value", "From chance to ceiling", "Chance", "Ceiling"];
  container.append(
    element(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of scores" },
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
        element("tbody", {}, ...scores.map(row)),
      ),
    ),
    element("p", { class: "caption" }, "↑: higher is better; ↓: lower is better."),
  );
}

function row({ name, value, chance, ceiling, higher_is_better: higherIsBetter, caution }) {
  const number = (text) => element("td", { class: "number" }, text);
  const known = (level) => (level === null || level === undefined ? "" : significant(level));
  const remark = caution ? [element("small", { class: "remark" }, caution)] : [];
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, name, element("small", {}, higherIsBetter ? " ↑" : " ↓"), ...remark),
    number(significant(value)),
    element("td", {}, ...bar(value, chance, ceiling)),
    number(known(chance)),
    number(known(ceiling)),
  );
}

/** Return a bar of where a value is between chance and ceiling; nothing if they are unknown. */
function bar(value, chance, ceiling) {
  const isKnown = [value, chance, ceiling].every((each) => each !== null && each !== undefined) && chance !== ceiling;
  if (!isKnown) return [];
  const fraction = Math.min(1, Math.max(0, (value - chance) / (ceiling - chance)));
  const filled = element("span");
  filled.style.width = `${100 * fraction}%`;
  return [element("div", { class: "meter", "aria-hidden": "true" }, filled)];
}
