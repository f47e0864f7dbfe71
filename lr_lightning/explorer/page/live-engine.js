import { serverToken } from "explorer/data.js";

/** Decodes and encodes codes on the live server, one request at a time. */
export class LiveEngine {
  #size;
  #dimension;
  #fail;
  #number = 0;
  #page = crypto.randomUUID(); // the server counts the steps of each page

  /**
   * @param {number} size numbers in an observation
   * @param {number} dimension number of latents
   * @param {(error: Error) => void} fail is told about errors of requests other than steps
   */
  constructor(size, dimension, fail) {
    this.#fail = fail;
    this.#size = size;
    this.#dimension = dimension;
  }

  /** Return the server's answer to a request for a slice or a path; errors are shown, and give null. */
  async ask(what, request) {
    try {
      return (await this.#post(what, request)).json();
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  async step(code) {
    const request = { code: Array.from(code), page: this.#page, number: ++this.#number };
    const reply = await this.#post("step", request);
    const numbers = littleEndianFloats(await reply.arrayBuffer());
    if (numbers.length !== this.#size + this.#dimension) {
      throw new Error(`The server sent ${numbers.length} numbers instead of ${this.#size + this.#dimension}.`);
    }
    return { observation: numbers.slice(0, this.#size), response: numbers.slice(this.#size) };
  }

  async #post(what, request) {
    const headers = { "Content-Type": "application/json", "X-Explorer-Token": serverToken() };
    let reply;
    try {
      reply = await fetch(what, { method: "POST", headers, body: JSON.stringify(request) });
    } catch {
      throw new Error("The server does not reply. It may have been stopped: start lr-lightning explore --live again.");
    }
    if (!reply.ok) throw new Error(await reply.text());
    return reply;
  }
}

function littleEndianFloats(buffer) {
  const view = new DataView(buffer);
  return Float32Array.from({ length: buffer.byteLength / 4 }, (_, index) => view.getFloat32(4 * index, true));
}
