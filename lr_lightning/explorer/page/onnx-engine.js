import { byId } from "explorer/dom.js";

/** Runs the exported model with ONNX Runtime in a worker, so that a slow model does not freeze the page. */
export class OnnxEngine {
  #worker;
  #waiting = new Map();
  #number = 0;

  /** @param {Worker} worker one that has loaded the model */
  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#settle(data);
  }

  /**
   * Start the worker and load the model.
   *
   * @param {string} model the graph, an ONNX file as gzip in base64
   */
  static start(model) {
    // Import maps do not reach workers, and pages opened from files cannot load others: so the worker is a blob.
    const source = Uint8Array.from(atob(byId("onnx-worker").textContent), (letter) => letter.charCodeAt(0));
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(address); // no module: pages from files cannot start those
    return new Promise((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message || "The browser refused to start the model."));
      worker.onmessage = ({ data }) => {
        URL.revokeObjectURL(address);
        if (data.error === undefined) resolve(new OnnxEngine(worker));
        else reject(new Error(data.error));
      };
      const [runtime, wasm] = ["onnx-runtime", "onnx-wasm"].map((id) => byId(id).textContent);
      worker.postMessage({ runtime, wasm, model });
    });
  }

  step(code) {
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, code: Float32Array.from(code) });
    });
  }

  #settle({ number, observation, response, error }) {
    const { resolve, reject } = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (error === undefined) resolve({ observation, response });
    else reject(new Error(error));
  }
}
