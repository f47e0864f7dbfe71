// D3 is vendored as it is published, a script that sets a global.
import "explorer/vendor/d3.min.js";

export const d3 = globalThis.d3;

const twoDecimals = d3.format(".2f");
const threeDigits = d3.format(".3~g");
const signed = d3.format("+.2f");

const isNumber = (value) => value !== null && Number.isFinite(value);

/** A latent value or a response. */
export const shortNumber = (value) => (isNumber(value) ? twoDecimals(value) : "–");

/** A change. */
export const signedNumber = (value) => (isNumber(value) ? signed(value) : "–");

/** A score or a matrix entry, of any magnitude. */
export const significant = (value) => (isNumber(value) ? threeDigits(value) : "undefined");

const themeColors = new Map();
addEventListener("theme", () => themeColors.clear());

/**
 * Return the present value of a custom property of the style sheet as a color that canvases accept.
 *
 * The property may use `light-dark()`, which only an element resolves; that takes long, so it is done once per theme.
 */
export function themeColor(property) {
  if (!themeColors.has(property)) themeColors.set(property, resolvedColor(property));
  return themeColors.get(property);
}

function resolvedColor(property) {
  const probe = document.createElement("span");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

/**
 * Fit a canvas to its width on the screen and return its context, in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function sharpContext(canvas, width, height) {
  const density = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
