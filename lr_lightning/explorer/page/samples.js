import { byId, element } from "explorer/dom.js";
import { Thumbnails } from "explorer/thumbnails.js";

const SHOWN = 8;
const KINDS = [
  ["prior", "Prior", "codes drawn from the prior"],
  ["aggregate", "Aggregate posterior", "codes of observations"],
  ["hybrid", "Hybrid", "each latent from the code of a different observation"],
];

/** Decoded samples of each distribution of codes; a click moves to a sample. */
export function showSamples(page) {
  const { state } = page;
  const kinds = KINDS.filter(([key]) => state.data.samples[key]?.length > 0);
  byId("samples").hidden = kinds.length === 0;
  for (const [key, title, meaning] of kinds) {
    const strip = element("div", { class: "strip" });
    byId("samples-content").append(element("h3", {}, title, element("small", {}, ` ${meaning}`)), strip);
    const codes = state.data.samples[key].slice(0, SHOWN);
    const thumbnails = new Thumbnails(strip, `samples ${key}`, page, (code) => state.move(code));
    thumbnails.show(
      codes,
      codes.map((_, index) => `${title} sample ${index + 1}`),
    );
  }
}
