import { byId, element } from "explorer/dom.js";
import { paintedCanvas } from "explorer/painting.js";

/** The decoded observation, and beside it the original and the reconstruction of the chosen example. */
export function showDecoded(page) {
  const { state, painter, scheduler } = page;
  const canvas = byId("observation");
  canvas.classList.toggle("pixels", painter.isPixelated);
  const paint = () => painter.paint(canvas, state.result.observation, { isLarge: true });
  state.addEventListener("result", paint);
  addEventListener("theme", () => state.result && paint());

  const reference = byId("reference");
  const show = () => {
    const example = state.data.examples[state.example];
    reference.hidden = example === undefined;
    if (example === undefined) return;
    const original = painter.original(example, "Original");
    const reconstruction = element("figure", {}, element("figcaption", {}, "reconstruction"));
    reference.replaceChildren(
      element("figure", {}, original, element("figcaption", {}, "original")),
      reconstruction,
      element(
        "button",
        { type: "button", click: () => state.move(example.code, { example: state.example }) },
        "Back to its code",
      ),
    );
    original.classList.toggle("pixels", painter.isPixelated);
    scheduler.whenIdle("reconstruction", [example.code], (_, { observation }) => {
      const decoded = paintedCanvas(painter, observation, "Reconstruction");
      decoded.classList.toggle("pixels", painter.isPixelated);
      reconstruction.prepend(decoded);
    });
  };
  state.addEventListener("example", show);
  show();
}
