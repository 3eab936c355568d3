//go:build js

// Command play-wasm is the engine of the page on which runs are played with, as WebAssembly. It gives its worker a
// function answer(request, tell, ended): JSON in, JSON out. It links what a run and its page need, and no more.
package main

import (
	"context"
	"runtime/debug"
	"syscall/js"

	"faultflow/internal/play"
)

// version is set as the site is built.
var version = "dev"

func main() {
	debug.SetGCPercent(400) // a run allocates much and keeps little
	engine := &play.Engine{Version: version}
	js.Global().Set("answer", js.FuncOf(func(_ js.Value, args []js.Value) any {
		request, tell, ended := []byte(args[0].String()), args[1], args[2]
		go func() { // the worker's events go on meanwhile
			engine.Answer(context.Background(), request, func(response []byte) { tell.Invoke(string(response)) })
			ended.Invoke()
		}()
		return nil
	}))
	select {} // the worker ends it
}
