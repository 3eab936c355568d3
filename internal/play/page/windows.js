// The windows of faults and loads, on the timeline itself: dragged as a whole or by their edges, which are sliders.
import { make } from "./elements.js";
import { compose, parse } from "./knobs.js";
import { given, knobs, set } from "./state.js";
import { duration, ms } from "./values.js";

let dragged = false;

// windows draws them anew, but not while one is dragged.
export function windows() {
  const canvas = document.querySelector(".canvas");
  if (!canvas || dragged) return;
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
        const moved = m => move(moveFrom, moveTo, (m.clientX - down.clientX) / width * end, by);
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
