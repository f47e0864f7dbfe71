import { shortNumber } from "explorer/charts.js";
import { byId, setText } from "explorer/dom.js";
import { Thumbnails } from "explorer/thumbnails.js";

const STEPS = 9;

/** Decoded observations along the chosen latent, from the present code. */
export function showTraversal(page) {
  const { state } = page;
  const { latents } = state.data;
  const values = () => {
    const { low, high } = latents[state.latent];
    return Array.from({ length: STEPS }, (_, step) => low + ((high - low) * step) / (STEPS - 1));
  };
  const strip = new Thumbnails(byId("traversal-strip"), "traversal", page, (_, index) =>
    state.moveLatent(state.latent, values()[index]),
  );
  const show = () => {
    const along = values();
    const { name, low, high } = latents[state.latent];
    setText(byId("traversal-heading"), `Traversal of ${name}`);
    const range = `From ${shortNumber(low)} to ${shortNumber(high)}`;
    setText(byId("traversal-caption"), `${range}; all other latents as they are now.`);
    strip.show(
      along.map((value) => state.code.map((old, index) => (index === state.latent ? value : old))),
      along.map((value) => `${name} = ${shortNumber(value)}`),
    );
    const spacing = along[1] - along[0];
    const nearest = Math.round((state.code[state.latent] - low) / spacing);
    strip.mark(nearest >= 0 && nearest < STEPS ? nearest : null);
  };
  state.addEventListener("code", show);
  state.addEventListener("latent", show);
  show();
}
