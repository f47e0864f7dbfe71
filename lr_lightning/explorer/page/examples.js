import { byId, element } from "explorer/dom.js";

/**
 * Observations of the data, by their factors: choose one to start from its code.
 *
 * With labels, the first row is a traversal, observations that differ in the chosen factor only; others follow.
 */
export function showExamples({ state, painter }) {
  const { examples, factors, traversals } = state.data;
  byId("examples").hidden = examples.length === 0;
  if (examples.length === 0) return;
  const varied = factors
    .map((_, index) => index)
    .filter((index) => traversals.some(({ factor }) => factor === factors[index].name));
  const chips = varied.map((index) =>
    element("button", { type: "button", click: () => state.setView({ factor: index }) }, factors[index].name),
  );
  const inTraversals = new Set(traversals.flatMap((each) => each.examples));
  const others = examples.map((_, index) => index).filter((index) => !inTraversals.has(index));
  const gallery = element("div", { class: "gallery" });
  const description = element("p", { class: "caption" });
  byId("examples-content").append(
    element("div", { class: "chips", role: "group", "aria-label": "Factor that varies" }, ...chips),
    gallery,
    description,
  );

  const show = () => {
    const factor = varied.includes(state.view.factor) ? state.view.factor : varied[0];
    chips.forEach((chip, place) => chip.setAttribute("aria-pressed", varied[place] === factor));
    const rows = traversals.filter((each) => each.factor === factors[factor]?.name).map((each) => each.examples);
    gallery.replaceChildren(
      ...[...rows, others].map((row) =>
        element("div", { class: "strip" }, ...row.map((index) => exampleButton(index))),
      ),
    );
    mark();
  };
  const exampleButton = (index) => {
    const picture = painter.original(examples[index], "");
    picture.classList.toggle("pixels", painter.isPixelated);
    const label = describe(examples[index], factors) || `Observation ${index + 1}`;
    return element(
      "button",
      {
        type: "button",
        class: "thumbnail",
        title: label,
        "aria-label": label,
        "data-example": index,
        click: () => state.move(examples[index].code, { example: index }),
      },
      picture,
    );
  };
  const mark = () => {
    for (const button of gallery.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", Number(button.dataset.example) === state.example);
    }
    const example = examples[state.example];
    description.textContent = example === undefined ? "" : describe(example, factors);
  };
  let shown = state.view.factor;
  state.addEventListener("view", () => {
    if (state.view.factor === shown) return;
    shown = state.view.factor;
    show();
  });
  state.addEventListener("example", mark);
  show();
}

/** Return the factors of an example as text. */
function describe(example, factors) {
  return Object.entries(example.factors ?? {})
    .map(([name, value]) => {
      const factor = factors.find((each) => each.name === name);
      return `${name.replaceAll("_", " ")}: ${factor?.values?.[value] ?? value}`;
    })
    .join(", ");
}
