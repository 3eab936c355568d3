// Knobs: a real input for each setting.
import { make, options } from "./elements.js";
import { given, set, textOf } from "./state.js";
import { duration, ms, scale } from "./values.js";

let count = 0;
// knob makes the control of a setting, and adds to the list what has it show the state.
export function knob(k, list) {
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
export function parse(k, text) {
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
export function compose(k, item) {
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
