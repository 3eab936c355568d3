// What tests do in the page.
Object.assign(window, {
  until: what => new Promise((resolve, reject) => {
    const began = performance.now();
    const look = () => {
      if (what()) resolve(true);
      else if (performance.now() - began > 50000) reject(new Error("waited in vain for " + what));
      else setTimeout(look, 5);
    };
    look();
  }),
  // idle waits until what was changed is drawn.
  idle: async () => {
    await new Promise(resolve => setTimeout(resolve, 5));
    return until(() => document.body.dataset.busy === "false");
  },
  box: name => document.querySelector('#groups [data-name="' + name + '"]'),
  row: (name, field) => box(name).querySelector('.row [data-field="0 ' + field + '"]'),
  type: (e, text, event) => { e.value = text; e.dispatchEvent(new Event(event || "change", { bubbles: true })); },
  choose: (e, text) => { e.value = text; e.dispatchEvent(new Event("change", { bubbles: true })); },
  // slide moves a slider until the field beside it has the text, or to its end.
  slide: (knob, text) => {
    const slider = knob.querySelector("input[type=range]"), field = knob.querySelector("input[type=text]");
    for (let i = 0; i <= Number(slider.max) && field.value !== text; i++) {
      slider.value = i;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }
  },
  middle: selector => {
    const e = document.querySelector(selector);
    e.scrollIntoView({ block: "center" });
    const r = e.getBoundingClientRect();
    return { X: r.x + r.width / 2, Y: r.y + r.height / 2 };
  },
  // stop names what the tab key has reached.
  stop: () => {
    const e = document.activeElement;
    if (e.dataset.copy) return "copy " + e.dataset.copy;
    if (e.closest(".knob")) return e.closest(".knob").dataset.name + " " + e.type;
    return e.id || e.getAttribute("class") || e.tagName;
  },
  // turnEveryKnob turns each knob to another value and back, and says what came of it.
  turnEveryKnob: async () => {
    const problem = document.getElementById("problem"), turned = [];
    const note = name => turned.push({
      Name: name, Problem: problem.hidden ? "" : problem.textContent,
      Hash: document.body.dataset.hash, Command: document.getElementById("command").textContent,
    });
    for (const knob of document.querySelectorAll("#groups .knob")) {
      const name = knob.dataset.name;
      if (name === "cycles") { note(name); continue; } // the page begins with it
      turn(knob);
      await idle();
      note(name);
      if (!knob.classList.contains("given")) throw new Error(name + " is not marked");
      if (!problem.hidden && !knob.classList.contains("wrong")) throw new Error(name + " is not marked as wrong");
      knob.querySelector(".reset").click();
      await idle();
      if (knob.classList.contains("given") || !problem.hidden) throw new Error(name + " was not reset");
    }
    return turned;
  },
  // turn gives a knob another value.
  turn: knob => {
    const slider = knob.querySelector("input[type=range]"), check = knob.querySelector("input[type=checkbox]");
    const select = knob.querySelector(":scope > select"), field = knob.querySelector(":scope > input[type=text]");
    if (slider) {
      slider.value = Number(slider.value) + (slider.value === slider.max ? -1 : 1);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (check) check.click();
    else if (select) choose(select, [...select.options].map(o => o.value).find(v => v !== select.value && v !== ""));
    else if (field) type(field, knob.dataset.name === "channels" ? "backup" : "50ms");
    else knob.querySelector(".rows > button").click();
  },
  // drag moves a slider so many times, at so many changes a second.
  drag: async (knob, rate, times) => {
    const slider = knob.querySelector("input[type=range]"), began = Number(document.body.dataset.drawn);
    let next = performance.now();
    for (let i = 0; i < times; i++) {
      slider.value = i % Number(slider.max);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      next += 1000 / rate;
      await new Promise(resolve => setTimeout(resolve, Math.max(0, next - performance.now())));
    }
    const ended = performance.now();
    await idle();
    return { Changes: times, Drawn: Number(document.body.dataset.drawn) - began, Rest: performance.now() - ended };
  },
  // latencies are from a change until the next frame after it was drawn, and after all of it was, in milliseconds.
  latencies: async times => {
    const first = [], whole = [];
    for (let i = 0; i < times; i++) {
      const slider = box("collector-attempts").querySelector("input[type=range]"), drawn = document.body.dataset.drawn;
      const began = performance.now();
      slider.value = 1 + i % 5;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await until(() => document.body.dataset.drawn !== drawn);
      await new Promise(requestAnimationFrame);
      first.push(performance.now() - began);
      await until(() => document.body.dataset.busy === "false");
      await new Promise(requestAnimationFrame);
      whole.push(performance.now() - began);
      await idle();
    }
    return { First: first, Whole: whole };
  },
});
true
