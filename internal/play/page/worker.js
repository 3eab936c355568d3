"use strict";
// The engine, as WebAssembly. The page compiles it once and hands it to each worker.
importScripts("wasm_exec.js");
onmessage = async function (e) {
	if (e.data.module) {
		var go = new Go();
		go.run(await WebAssembly.instantiate(e.data.module, go.importObject));
		postMessage({ ready: true });
	} else {
		answer(e.data.request, function (response) { postMessage({ id: e.data.id, response: response }); },
			function () { postMessage({ id: e.data.id, ended: true }); });
	}
};
