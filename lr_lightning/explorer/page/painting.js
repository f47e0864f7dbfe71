import { d3, themeColor } from "explorer/charts.js";

/** Return what draws observations of this kind: images, or vectors as points and bars. */
export function painterOf(data) {
  return data.observation.kind === "image" ? new ImagePainter(data.observation) : new VectorPainter(data);
}

class ImagePainter {
  #shape;
  #range;

  constructor({ shape, range = [0, 1] }) {
    this.#shape = shape;
    this.#range = range;
  }

  isPixelated = true;

  /** Draw an image, pixel by pixel: gray, RGB, or the channels beside each other if there are other than 1 or 3. */
  paint(canvas, values) {
    const [channels, height, width] = this.#shape;
    const tiles = channels === 1 || channels === 3 ? 1 : channels;
    const image = new ImageData(width * tiles, height);
    const [low, high] = this.#range;
    const plane = width * height;
    for (let tile = 0; tile < tiles; tile++) {
      for (let pixel = 0; pixel < plane; pixel++) {
        const target = 4 * (Math.floor(pixel / width) * width * tiles + tile * width + (pixel % width));
        for (let color = 0; color < 3; color++) {
          const channel = channels === 3 ? color : tile;
          image.data[target + color] = (255 * (values[channel * plane + pixel] - low)) / (high - low);
        }
        image.data[target + 3] = 255;
      }
    }
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  /** Return an element that shows the original of an example. */
  original(example, label) {
    if (Array.isArray(example.original)) return paintedCanvas(this, example.original, label);
    const image = document.createElement("img");
    image.alt = label;
    image.src = example.original;
    return image;
  }
}

const SIDE = 320; // pixels of a canvas of vectors

class VectorPainter {
  #length;
  #names;
  #points;
  #range;

  constructor({ observation, examples }) {
    this.#length = observation.shape[0];
    this.#names = observation.names ?? null;
    this.#points = examples.map((example) => example.original);
    this.#range = d3.extent(this.#points.flat());
  }

  isPixelated = false;

  /** Draw a vector: points and bars if there is room for both, otherwise points if it has 2 or 3 coordinates. */
  paint(canvas, values, { isLarge = false } = {}) {
    if (canvas.width !== SIDE) canvas.width = canvas.height = SIDE;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, SIDE, SIDE);
    const [low, high] = d3.extent([...values, ...this.#range.filter((value) => value !== undefined), 0]);
    const isSpatial = this.#length === 2 || this.#length === 3;
    if (isSpatial) this.#paintPoints(context, values, [low, high], isLarge);
    if (isLarge || !isSpatial) this.#paintBars(context, values, [low, high], isSpatial ? 0.76 * SIDE : 0.06 * SIDE);
  }

  /** Draw the data and the observation as points, three coordinates as seen from above one corner. */
  #paintPoints(context, values, domain, isLarge) {
    const [middle, size] = isLarge ? [0.37, 1] : [0.5, 3];
    const scale = d3.scaleLinear(domain, [-1, 1]);
    const place = (point) => {
      const [x, y, z] = [...point].map(scale);
      const [across, up] = this.#length === 2 ? [0.9 * x, 0.9 * y] : [0.6 * (x - y), 0.3 * (-x - y) + 0.55 * z];
      return [SIDE * (0.5 + 0.5 * across), SIDE * (middle - 0.36 * up)];
    };
    context.fillStyle = themeColor("--muted");
    for (const point of this.#points) disk(context, place(point), 0.008 * size * SIDE);
    context.fillStyle = themeColor("--z");
    disk(context, place(values), 0.025 * size * SIDE);
  }

  #paintBars(context, values, domain, top) {
    const down = d3.scaleLinear(domain, [0.93 * SIDE, top]);
    const step = (0.92 * SIDE) / this.#length;
    context.fillStyle = themeColor("--z");
    Array.from(values).forEach((value, index) => {
      const [from, to] = [down(0), down(value)];
      const width = Math.max(1, 0.7 * Math.min(step, SIDE / 4));
      context.fillRect(0.04 * SIDE + (index + 0.5) * step - width / 2, Math.min(from, to), width, Math.abs(to - from));
    });
    context.fillStyle = themeColor("--text");
    context.fillRect(0.03 * SIDE, down(0), 0.94 * SIDE, 1);
    if (this.#names === null || this.#length > 12) return;
    context.font = `${0.045 * SIDE}px system-ui, sans-serif`;
    context.textAlign = "center";
    this.#names.forEach((name, index) => context.fillText(name, 0.04 * SIDE + (index + 0.5) * step, 0.99 * SIDE));
  }

  original(example, label) {
    return paintedCanvas(this, example.original, label);
  }
}

function disk(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** Return a canvas with an observation. */
export function paintedCanvas(painter, values, label) {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  painter.paint(canvas, values);
  return canvas;
}
