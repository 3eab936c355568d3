// The ways to the engine: a server, or a worker. Both have ask(request, tell, ended), which calls tell with each
// response and ended after the last one, and returns a function that drops the request.

export function server() {
  return {
    ask(request, tell, ended) {
      const abort = new AbortController();
      (async () => {
        try {
          const response = await fetch("answer", {
            method: "POST", headers: { "Content-Type": "application/json" },
            body: JSON.stringify(request), signal: abort.signal,
          });
          if (!response.ok) throw new Error(await response.text());
          let text = "";
          for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
            const { done, value } = await reader.read();
            if (done) break;
            const lines = (text + value).split("\n");
            text = lines.pop();
            lines.forEach(line => tell(JSON.parse(line)));
          }
        } catch (e) {
          const text = "The server did not answer: " + e.message;
          if (!abort.signal.aborted) tell({ progress: 1, problem: { setting: "", text } });
        }
        ended();
      })();
      return () => abort.abort();
    },
  };
}

// A worker that answers can only be stopped by ending it; so another one stands by.
export function workers() {
  const module = (async () => {
    const packed = new Uint8Array(await (await fetch("engine.wasm.gz")).arrayBuffer());
    let stream = new Blob([packed]).stream();
    const gzip = packed[0] === 0x1f; // or the browser has unpacked it
    if (gzip) stream = stream.pipeThrough(new DecompressionStream("gzip"));
    return WebAssembly.compileStreaming(new Response(stream, { headers: { "Content-Type": "application/wasm" } }));
  })();
  const spawn = () => {
    const worker = new Worker("worker.js");
    const ready = new Promise(resolve => worker.addEventListener("message", e => { if (e.data.ready) resolve(); }));
    module.then(m => worker.postMessage({ module: m }));
    return { worker, ready };
  };
  let current = spawn(), spare = null, last = 0;
  current.ready.then(() => { spare = spawn(); document.body.dataset.ready = true; });
  return {
    ask(request, tell, ended) {
      const one = current, id = ++last;
      let asked = false, dropped = false;
      one.ready.then(() => {
        if (dropped) return;
        asked = true;
        one.worker.onmessage = e => {
          if (e.data.id !== id) return;
          if (e.data.ended) ended();
          else tell(JSON.parse(e.data.response));
        };
        one.worker.postMessage({ id, request: JSON.stringify(request) });
      });
      return () => {
        dropped = true;
        if (!asked) return;
        one.worker.terminate();
        current = spare;
        spare = spawn();
      };
    },
  };
}
