"use strict";
// The page on which runs are played with: knobs on one side, the run that they make on the other. What a run is and how
// it is drawn, the engine decides: a request goes to it, and elements come back.
(async function () {
  const $ = id => document.getElementById(id);
  const start = await (await fetch("start.json")).json();
  const knobs = new Map(start.groups.flatMap(g => g.knobs.map(k => [k.name, k])));
  const lessons = new Map(start.lessons.map(l => [l.name, l]));

  // The state is all that a link holds. It is replaced, never changed, so that it can be undone.
  let state = fromLink() || { settings: start.settings, pinned: null, lesson: start.lesson };
  const past = [], future = [];
  let gesture = "", gestureAt = 0;

  // change makes a new state. Changes of one gesture, such as a slider that is dragged, are undone together.
  function change(next, by) {
    const now = performance.now();
    if (!by || by !== gesture || now - gestureAt > 1000) {
      past.push(state);
      if (past.length > 500) past.shift();
    }
    gesture = by || "";
    gestureAt = now;
    future.length = 0;
    go({ ...state, ...next });
  }
  function go(next) {
    state = next;
    show();
    ask({ settings: state.settings, pinned: state.pinned, want: "run" });
    link();
  }
  function undo(from, to) {
    if (!from.length) return;
    to.push(state);
    gesture = "";
    go(from.pop());
  }

  const given = name => state.settings.filter(s => s.name === name).map(s => s.text);
  function byDefault(name) {
    const k = knobs.get(name), all = k && k.forAll ? given(k.forAll) : [];
    return all.length ? all[all.length - 1] : k ? k.default : "";
  }
  function textOf(name) {
    const own = given(name);
    return own.length ? own[own.length - 1] : byDefault(name);
  }
  // set gives a setting these texts, where it stood before; none reset it.
  function set(name, texts, by) {
    const k = knobs.get(name);
    if (k && !k.rows && texts.length === 1 && texts[0] === byDefault(name)) texts = [];
    const at = state.settings.findIndex(s => s.name === name);
    const settings = state.settings.filter(s => s.name !== name);
    settings.splice(at < 0 ? settings.length : at, 0, ...texts.map(text => ({ name, text })));
    change({ settings }, by);
  }

  // A link has the settings as they are given, and what else the state holds under names that no setting has.
  function asLink() {
    const q = settings => settings.map(s => [s.name, s.text]);
    const all = q(state.settings);
    if (state.lesson) all.push(["_lesson", state.lesson]);
    if (state.pinned) all.push(["_pinned", new URLSearchParams(q(state.pinned)).toString()]);
    return "#" + new URLSearchParams(all);
  }
  function fromLink() {
    if (location.hash.length < 2) return null;
    const list = text => [...new URLSearchParams(text)].map(([name, text]) => ({ name, text }));
    const all = list(location.hash.slice(1)), other = name => (all.find(s => s.name === name) || {}).text;
    const settings = all.filter(s => !s.name.startsWith("_"));
    if (!settings.some(s => s.name === "seed")) settings.unshift({ name: "seed", text: "1" });
    return {
      settings, lesson: lessons.has(other("_lesson")) ? other("_lesson") : "",
      pinned: other("_pinned") ? list(other("_pinned")) : null,
    };
  }
  let linking = 0;
  function link() { // browsers allow a page but so many changes of its address
    clearTimeout(linking);
    linking = setTimeout(() => history.replaceState(null, "", asLink()), 300);
  }
  addEventListener("hashchange", () => { if (location.hash !== asLink()) change(fromLink() || {}); });

  // ---- The engine: one request is answered at a time, and only the last one waits. What takes long is dropped as soon
  // as there is another.
  const engine = document.body.dataset.engine === "worker" ? workers() : server();
  const patience = 100; // ms
  let running = null, waiting = null;

  function ask(request, done) {
    waiting = { request, done };
    if (!running) return begin();
    const old = running, left = patience - (performance.now() - old.began);
    setTimeout(() => {
      if (running !== old || !waiting) return;
      old.drop();
      begin();
    }, Math.max(0, left));
  }
  function begin() {
    const job = running = { ...waiting, began: performance.now() };
    waiting = null;
    busy();
    job.drop = engine.ask(job.request, response => {
      if (running !== job) return;
      $("progress").value = response.progress;
      if (response.problem) problem(response.problem);
      else if (job.done) job.done(response);
      else if (response.parts) draw(response, job.request);
    }, () => {
      if (running !== job) return;
      running = null;
      if (waiting) begin();
      busy();
    });
  }
  function busy() {
    document.body.dataset.busy = Boolean(running);
    $("progress").classList.toggle("idle", !running);
    if (!running) $("progress").value = 0;
  }

  function server() {
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
  function workers() {
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

  // ---- Drawing. What is the same stays where it is.
  let parts = [], drawn = 0;
  const html = new Map(); // what is drawn, by part

  function draw(response, request) {
    problem(null);
    if (request.want === "seeds") parts = parts.filter(p => p.id !== "account").toSpliced(1, 0, ...response.parts);
    else {
      parts = response.parts;
      document.body.dataset.hash = response.hash;
      $("command").textContent = response.command;
    }
    const root = $("parts");
    for (const old of [...root.children]) if (!parts.some(p => p.id === old.id)) { old.remove(); html.delete(old.id); }
    let before = root.firstElementChild;
    for (const part of parts) {
      let element = html.has(part.id) ? $(part.id) : null;
      if (html.get(part.id) !== part.html) {
        const template = document.createElement("template");
        template.innerHTML = part.html;
        const fresh = template.content.firstElementChild;
        faultflow.prepare(fresh);
        if (element) morph(element, fresh);
        else element = fresh;
        html.set(part.id, part.html);
      }
      if (element === before) before = before.nextElementSibling;
      else root.insertBefore(element, before);
    }
    faultflow.redrawn();
    windows();
    say(response.said);
    document.body.dataset.drawn = ++drawn;
  }

  const kept = ["style", "open", "tabindex"]; // what belongs to the reader
  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
    if (old.nodeType !== Node.ELEMENT_NODE) { old.data = fresh.data; return; }
    for (const { name, value } of fresh.attributes) {
      const keep = kept.includes(name) && old.hasAttribute(name);
      if (!keep && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !kept.includes(name)) old.removeAttribute(name);
    }
    const ours = n => n.nodeType === Node.ELEMENT_NODE && n.hasAttribute("data-ours");
    const was = [...old.childNodes].filter(n => !ours(n)), next = [...fresh.childNodes];
    next.forEach((child, i) => was[i] ? morph(was[i], child) : old.append(child));
    was.slice(next.length).forEach(n => n.remove());
  }

  let saying = 0;
  function say(text) { // a slider that is dragged says only where it ends
    clearTimeout(saying);
    saying = setTimeout(() => { $("said").textContent = text; }, 500);
  }

  function problem(p) {
    $("problem").hidden = !p;
    $("problem").textContent = p ? p.text : "";
    document.querySelectorAll(".knob.wrong").forEach(e => e.classList.remove("wrong"));
    if (!p) return;
    const wrong = document.querySelectorAll('.knob[data-name="' + CSS.escape(p.setting) + '"]');
    wrong.forEach(e => e.classList.add("wrong"));
    document.body.dataset.drawn = ++drawn;
  }

  // ---- Knobs
  function make(tag, attributes, ...children) {
    const e = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
      else if (value === true) e.setAttribute(name, "");
      else if (value !== false && value !== undefined) e.setAttribute(name, value);
    }
    e.append(...children);
    return e;
  }
  const options = (list, chosen) => [...new Set(chosen === undefined ? list : [...list, chosen])].map(text => {
    const o = make("option", { value: text }, text || "–");
    o.selected = text === chosen;
    return o;
  });

  // ms reads a duration as the engine does; NaN for none.
  function ms(text) {
    const units = { ns: 1e-6, us: 1e-3, "µs": 1e-3, ms: 1, s: 1e3, m: 6e4, h: 36e5 };
    if (text === "0") return 0;
    if (!/^([\d.]+(ns|us|µs|ms|s|m|h))+$/.test(text)) return NaN;
    return [...text.matchAll(/([\d.]+)([a-zµ]+)/g)].reduce((sum, m) => sum + Number(m[1]) * units[m[2]], 0);
  }
  function duration(ms) {
    const round = n => String(Math.round(n * 1000) / 1000);
    if (ms < 1000) return ms === 0 ? "0s" : round(ms) + "ms";
    if (ms < 6e4) return round(ms / 1000) + "s";
    const minutes = Math.floor(ms / 6e4);
    return (minutes >= 60 ? Math.floor(minutes / 60) + "h" : "") + minutes % 60 + "m" + round(ms % 6e4 / 1000) + "s";
  }
  // scale lists the values that a slider stops at.
  function scale(s) {
    const values = s.zero ? [0] : [], steps = 200;
    for (let i = 0; i <= steps; i++) {
      let v = s.low + (s.high - s.low) * i / steps;
      if (s.log) v = Number((s.low * Math.pow(s.high / s.low, i / steps)).toPrecision(2));
      v = s.whole ? Math.round(v) : Math.round(v * 1000) / 1000;
      if (v !== values[values.length - 1]) values.push(v);
    }
    return values;
  }

  let count = 0;
  const controls = []; // each shows the state when it is called
  function knob(k, list) {
    const id = "knob-" + ++count, node = k.forAll ? " of the " + k.name.slice(0, -k.forAll.length - 1) : "";
    const name = k.label + node;
    const reset = make("button", { type: "button", class: "reset", "aria-label": "Reset " + name }, "↺");
    reset.addEventListener("click", () => {
      set(k.name, []);
      box.querySelector("input, select, button:not(.reset)").focus(); // this button goes
    });
    const about = [k.usage + (k.choices ? ": " + k.choices.join(", ") : "")];
    if (k.bounds) about.push(k.bounds);
    if (k.unit) about.push(k.unit);
    if (!k.rows) about.push("default " + (k.default === "" ? "none" : k.default));
    const help = make("small", { id: id + "-help" }, about.join(" · "));
    const box = make("div", { class: "knob", "data-name": k.name });
    const label = make(k.rows ? "span" : "label", k.rows ? { class: "label", id } : { for: id }, name);
    let control;
    if (k.rows) control = rows(k, id, name);
    else if (k.type === "bool") control = toggle(k, id);
    else if (k.type === "choice") control = choice(k, id);
    else control = field(k, id, name);
    if (control.wide) box.classList.add("wide");
    box.append(label, ...control.elements, reset, help);
    list.push(() => {
      const own = given(k.name);
      box.classList.toggle("given", own.length > 0);
      reset.hidden = !own.length;
      control.show();
    });
    return box;
  }

  function toggle(k, id) {
    const e = make("input", {
      type: "checkbox", id, "aria-describedby": id + "-help", onchange: () => set(k.name, [String(e.checked)]),
    });
    return { elements: [e], show: () => { e.checked = textOf(k.name) === "true"; } };
  }
  function choice(k, id) {
    const e = make("select", {
      id, "aria-describedby": id + "-help", onchange: () => set(k.name, e.value === "" ? [] : [e.value]),
    });
    return { elements: [e], wide: true, show: () => e.replaceChildren(...options(k.choices, textOf(k.name))) };
  }
  function field(k, id, name) {
    const e = make("input", {
      type: "text", id, spellcheck: "false", "aria-describedby": id + "-help",
      onchange: () => set(k.name, e.value === "" && k.slider ? [] : [e.value.trim()]),
    });
    if (!k.slider) return { elements: [e], wide: true, show: () => { e.value = textOf(k.name); } };
    const values = scale(k.slider), time = k.type === "duration";
    const number = text => time ? ms(text) : text.endsWith("%") ? parseFloat(text) / 100 : Number(text);
    const text = v => time ? duration(v) : String(v);
    const slider = make("input", {
      type: "range", min: 0, max: values.length - 1, "aria-label": name, "aria-describedby": id + "-help",
      oninput: () => set(k.name, [text(values[slider.value])], "slide " + k.name),
    });
    return { elements: [e, slider], show: () => {
      const now = textOf(k.name), v = number(now);
      e.value = now;
      let near = 0;
      values.forEach((other, i) => { if (Math.abs(other - v) < Math.abs(values[near] - v)) near = i; });
      if (Number(slider.value) !== near && values[slider.value] !== v) slider.value = near;
      slider.setAttribute("aria-valuetext", now);
    } };
  }

  // Items, such as faults, have a row each: what they are, and keys.
  const usual = ["from", "to", "service", "places"]; // keys that a row always has
  function parse(k, text) {
    const item = { head: "", kind: "", keys: {} };
    let rest = text.split(",");
    if (k.rows.places) {
      const at = text.indexOf("=");
      item.head = text.slice(0, at);
      rest = text.slice(at + 1).split(",");
    } else item.head = rest.shift();
    if (k.name === "fault") item.kind = rest.shift();
    for (const pair of rest) {
      const at = pair.indexOf("=");
      item.keys[pair.slice(0, at)] = pair.slice(at + 1);
    }
    return item;
  }
  function compose(k, item) {
    const keys = Object.entries(item.keys).filter(([, v]) => v !== "").map(([n, v]) => n + "=" + v);
    if (!k.rows.places) return [item.head, ...keys].join(",");
    return item.head + "=" + [...(item.kind ? [item.kind] : []), ...keys].join(",");
  }
  function rows(k, id, name) {
    const list = make("div", { class: "rows" });
    let shown = null;
    const put = (i, item) => set(k.name, given(k.name).map((old, j) => j === i ? compose(k, item) : old));
    const row = (text, i) => {
      const item = parse(k, text), title = name + " " + (i + 1);
      const box = make("div", { class: "row", role: "group", "aria-label": title });
      const add = (label, field, e) => { e.dataset.field = i + " " + field; box.append(make("label", {}, label, e)); };
      const read = (into, e) => { into(e.value.trim()); put(i, item); };
      const select = (label, values, chosen, into) => {
        const e = make("select", { onchange: () => read(into, e) });
        e.append(...options(values, chosen));
        add(label, label, e);
      };
      const input = (label, value, placeholder, into) => {
        const e = make("input", { type: "text", spellcheck: "false", placeholder, onchange: () => read(into, e) });
        e.value = value;
        add(label, label, e);
      };
      if (!k.rows.places) input("rate", item.head, k.rows.example, v => { item.head = v; });
      else {
        select("place", k.rows.places.map(p => p.name), item.head, v => {
          item.head = v;
          const kinds = k.rows.places.find(p => p.name === v).kinds;
          if (kinds && !kinds.includes(item.kind)) item.kind = kinds[0];
        });
        if (item.kind) {
          const place = k.rows.places.find(p => p.name === item.head);
          select("kind", place ? place.kinds : [], item.kind, v => { item.kind = v; });
        }
      }
      const kinds = item.kind.split("|");
      const among = list => list.some(n => kinds.includes(n));
      const applies = key => !among(key.notOf || []) && (!key.of || among(key.of));
      const others = [];
      for (const key of k.rows.keys.filter(applies)) {
        const value = item.keys[key.name];
        if (value === undefined && !usual.includes(key.name)) { others.push(key); continue; }
        const into = v => { item.keys[key.name] = v; };
        if (key.words && key.words.length) select(key.name, ["", ...key.words], value || "", into);
        else input(key.name, value || "", key.example, into);
      }
      const buttons = make("p", { class: "buttons" });
      if (others.length) {
        const more = make("select", { "aria-label": "Add to " + title }, make("option", { value: "" }, "more …"));
        more.append(...others.map(o => make("option", { value: o.name }, o.name + ": " + o.meaning)));
        more.addEventListener("change", () => {
          item.keys[more.value] = others.find(o => o.name === more.value).example;
          put(i, item);
        });
        buttons.append(more);
      }
      buttons.append(make("button", { type: "button", "aria-label": "Remove " + title, onclick: () => {
        set(k.name, given(k.name).filter((_, j) => j !== i));
        plus.focus();
      } }, "Remove"));
      box.append(buttons);
      return box;
    };
    const add = () => set(k.name, [...given(k.name), k.rows.example]);
    const plus = make("button", { type: "button", onclick: add }, "Add " + k.label);
    return { elements: [list], show: () => {
      const texts = given(k.name);
      if (shown === texts.join("\n")) return;
      shown = texts.join("\n");
      const focused = list.contains(document.activeElement) ? document.activeElement.dataset.field : undefined;
      list.replaceChildren(...texts.map(row), plus);
      if (focused) list.querySelector('[data-field="' + CSS.escape(focused) + '"]')?.focus();
    } };
  }

  // ---- Windows of faults and loads, on the timeline itself.
  function windows() {
    const canvas = document.querySelector(".canvas");
    if (!canvas) return;
    if (dragged) return;
    const end = Number(canvas.dataset.end), focused = document.activeElement?.dataset?.handle;
    const layer = make("div", { class: "windows", "data-ours": true });
    for (const name of ["fault", "load"]) {
      const k = knobs.get(name);
      given(name).forEach((text, i) => {
        const item = parse(k, text), to = ms(item.keys.to || "");
        if (!(to > 0)) return;
        const from = ms(item.keys.from || "0"), what = name + " " + (i + 1) + ", " + (item.kind || item.head);
        const pane = make("div", { class: "pane " + name });
        const edge = which => make("button", {
          type: "button", class: "handle " + name, role: "slider", "data-handle": name + i + which,
          "aria-label": which + " of " + what, "aria-valuemin": 0, "aria-valuemax": end,
        });
        const edges = { from: edge("from"), to: edge("to") };
        const place = (from, to) => {
          const x = t => Math.min(100, t / end * 100) + "%";
          pane.style.left = x(from);
          pane.style.width = "calc(" + x(to) + " - " + x(from) + ")";
          for (const [which, at] of [["from", from], ["to", to]]) {
            edges[which].style.left = x(at);
            edges[which].setAttribute("aria-valuenow", at);
            edges[which].setAttribute("aria-valuetext", duration(at));
          }
        };
        place(from, to);
        // Windows move in steps of a two hundredth of the axis.
        const step = Number((end / 200).toPrecision(1)) || 1, near = t => Math.round(t / step) * step;
        const move = (moveFrom, moveTo, by, gesture) => {
          let f = from, t = to;
          if (moveFrom && moveTo) { by = Math.max(by, -from); f = near(from + by); t = f + to - from; }
          else if (moveFrom) f = Math.min(Math.max(0, near(from + by)), to - step);
          else t = Math.max(near(to + by), from + step);
          if (!(f >= 0) || !(t > f)) return;
          place(f, t);
          const keys = { ...item.keys, from: duration(f), to: duration(t) };
          if (f === 0) delete keys.from;
          set(name, given(name).map((old, j) => j === i ? compose(k, { ...item, keys }) : old), gesture);
        };
        const drag = (e, moveFrom, moveTo) => e.addEventListener("pointerdown", down => {
          if (down.button !== 0) return;
          down.preventDefault();
          down.stopPropagation(); // the timeline itself is dragged, too
          const width = layer.getBoundingClientRect().width, by = "window " + performance.now();
          dragged = true;
          e.setPointerCapture(down.pointerId);
          const moved = m => {
            gestureAt = performance.now();
            move(moveFrom, moveTo, (m.clientX - down.clientX) / width * end, by);
          };
          const up = () => { dragged = false; e.removeEventListener("pointermove", moved); windows(); };
          e.addEventListener("pointermove", moved);
          e.addEventListener("lostpointercapture", up, { once: true });
        });
        drag(pane, true, true);
        drag(edges.from, true, false);
        drag(edges.to, false, true);
        for (const which of ["from", "to"]) {
          edges[which].addEventListener("keydown", e => {
            const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[e.key];
            if (!by) return;
            e.preventDefault();
            e.stopPropagation();
            move(which === "from", which === "to", by * step, "key " + name + i + which);
            windows();
          });
        }
        layer.append(pane, edges.from, edges.to);
      });
    }
    canvas.querySelector(".windows")?.remove();
    if (layer.children.length) canvas.append(layer);
    if (focused) layer.querySelector('[data-handle="' + CSS.escape(focused) + '"]')?.focus();
  }
  let dragged = false;

  // ---- The rest of the page.
  function show() {
    controls.forEach(c => c());
    $("undo").disabled = !past.length;
    $("redo").disabled = !future.length;
    $("seed").value = textOf("seed");
    $("lesson").value = state.lesson;
    $("pin").setAttribute("aria-pressed", Boolean(state.pinned));
    $("pin").firstChild.data = state.pinned ? "Unpin " : "Pin ";
    question();
    document.querySelectorAll("#groups details").forEach(d => {
      const n = d.querySelectorAll(".knob.given").length;
      d.querySelector("summary small").textContent = n ? " " + n + " set" : "";
    });
  }

  let asked = null, front = [];
  function question() {
    if (asked !== state.lesson) {
      asked = state.lesson;
      const lesson = lessons.get(asked);
      $("question").hidden = !lesson;
      front = [];
      if (lesson) {
        $("question-title").textContent = "Lesson: " + lesson.name.replaceAll("-", " ");
        const [text, about] = $("question").querySelectorAll("p");
        text.textContent = lesson.question || lesson.description;
        about.textContent = lesson.question ? lesson.description : "";
        const list = lesson.front.filter(n => knobs.has(n)).map(n => knob(knobs.get(n), front));
        $("question").querySelector(".front").replaceChildren(...list);
      }
    }
    front.forEach(c => c());
  }

  function otherSeed() { set("seed", [String(1 + Math.floor(Math.random() * 99999))]); }
  function pin() { change({ pinned: state.pinned ? null : state.settings }); }
  $("seed").addEventListener("change", () => set("seed", [$("seed").value.trim() || "1"]));
  $("other-seed").addEventListener("click", otherSeed);
  $("pin").addEventListener("click", pin);
  $("undo").addEventListener("click", () => undo(past, future));
  $("redo").addEventListener("click", () => undo(future, past));
  $("many-seeds").addEventListener("click", () => ask({ settings: state.settings, want: "seeds", runs: 200 }));
  $("reset-all").addEventListener("click", () => {
    change({ settings: state.settings.filter(s => s.name === "seed"), lesson: "" });
  });
  $("lesson").addEventListener("change", () => {
    const lesson = lessons.get($("lesson").value);
    change(lesson ? { settings: lesson.settings, pinned: null, lesson: lesson.name } : { lesson: "" });
  });
  $("knobs").addEventListener("submit", e => e.preventDefault());

  $("search").addEventListener("input", () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    document.querySelectorAll("#groups details").forEach(d => {
      let own = 0;
      d.querySelectorAll(".knob").forEach(box => {
        const texts = [d.querySelector("summary"), box.querySelector("label, .label"), box.querySelector("small[id]")];
        const text = [box.dataset.name, ...texts.map(e => e.textContent)].join(" ").toLowerCase();
        box.hidden = !words.every(w => text.includes(w));
        if (!box.hidden) own++;
      });
      d.hidden = !own;
      if (words.length) d.open = own > 0;
      found += own;
    });
    $("found").textContent = words.length ? found + (found === 1 ? " knob" : " knobs") : "";
  });

  addEventListener("keydown", e => {
    const typing = e.target.closest("select, textarea, input:not([type=range]):not([type=checkbox])");
    if (typing || e.altKey) return;
    const key = e.key.toLowerCase();
    let act = null;
    const back = () => undo(past, future), forth = () => undo(future, past);
    if (e.ctrlKey || e.metaKey) act = { z: e.shiftKey ? forth : back, y: forth }[key];
    else if ($("keys").checked && !e.shiftKey) act = { s: otherSeed, p: pin, "/": () => $("search").focus() }[key];
    else if ($("keys").checked && key === "/") act = () => $("search").focus();
    if (!act) return;
    e.preventDefault();
    act();
  });

  // What is taken along: text to the clipboard, reports as files.
  async function copy(text) {
    $("copied").value = text;
    $("copied").hidden = false;
    try {
      await navigator.clipboard.writeText(text);
      $("taken").textContent = "Copied.";
    } catch {
      $("taken").textContent = "This browser does not let the page copy. Here it is:";
      $("copied").select();
    }
  }
  const want = (what, done) => ask({ settings: state.settings, want: what, name: state.lesson || "played" }, r => {
    if (r.document !== undefined) done(r.document);
  });
  $("take").addEventListener("click", e => {
    const what = e.target.dataset;
    if (what.copy === "command") copy($("command").textContent);
    if (what.copy === "link") copy(location.href.replace(/#.*/, "") + asLink());
    if (what.copy === "scenario") want("scenario", copy);
    if (what.save) want(what.save, text => {
      const type = what.save === "json" ? "application/json" : "text/html";
      const url = URL.createObjectURL(new Blob([text], { type }));
      make("a", { href: url, download: "faultflow-report." + what.save }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
      $("taken").textContent = "Saved as faultflow-report." + what.save + ".";
    });
  });

  $("version").textContent = "Version " + start.version + ".";
  $("lesson").append(make("option", { value: "" }, "none: a run of your own"));
  for (const group of new Set(start.lessons.map(l => l.group))) {
    const list = start.lessons.filter(l => l.group === group);
    const option = l => make("option", { value: l.name }, l.name.replaceAll("-", " "));
    $("lesson").append(make("optgroup", { label: group }, ...list.map(option)));
  }
  for (const group of start.groups) {
    const details = make("details", {}, make("summary", {}, group.title, make("small")));
    details.append(...group.knobs.map(k => knob(k, controls)));
    $("groups").append(details);
  }
  const linked = location.hash.length > 1;
  show();
  document.querySelectorAll("#groups details").forEach(d => { d.open = d.querySelector(".knob.given") !== null; });
  const first = { settings: state.settings, pinned: state.pinned, want: "run" };
  if (linked) ask(first);
  else if (start.response.problem) problem(start.response.problem);
  else draw(start.response, first);
  busy();
})();
