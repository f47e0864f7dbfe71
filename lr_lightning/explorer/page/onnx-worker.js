// Runs in a worker, alone: it is started from a blob and can import nothing but the runtime that it is sent.

let ort;
let session;

async function inflate(base64) {
  const bytes = Uint8Array.fromBase64?.(base64) ?? Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function start({ runtime, wasm, model }) {
  const [source, binary, graph] = await Promise.all([runtime, wasm, model].map(inflate));
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  ort = await import(address);
  URL.revokeObjectURL(address);
  ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.numThreads = 1; // more threads need response headers that a file does not have
  session = await ort.InferenceSession.create(new Uint8Array(graph), { executionProviders: ["wasm"] });
}

async function step(code) {
  const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", code, [1, code.length]) };
  const found = await session.run(feeds);
  // Copies: the arrays of the runtime are views of its memory, which the next run may overwrite.
  return { observation: found.observation.data.slice(), response: found.response.data.slice() };
}

async function reply(data) {
  try {
    if (data.number === undefined) {
      await start(data);
      self.postMessage({});
    } else {
      const { observation, response } = await step(data.code);
      self.postMessage({ number: data.number, observation, response }, [observation.buffer, response.buffer]);
    }
  } catch (error) {
    self.postMessage({ number: data.number, error: String(error.message ?? error) });
  }
}

let last = Promise.resolve(); // a session runs one code at a time
self.onmessage = ({ data }) => {
  last = last.then(() => reply(data));
};
