"use strict";
// A report's page is whole without this: it adds zoom, and tooltips that the keyboard reaches. A page that draws run
// after run calls prepare and redrawn itself.
var faultflow = (function () {
  var tip = document.getElementById("tip");
  var pane = document.querySelector(".window");
  var drawn = pane ? timeline(pane) : null;

  // Marks are told by a label that the keyboard reaches; the browser's own tooltip would cover ours.
  function prepare(root) {
    root.querySelectorAll(".lane > *").forEach(function (m) {
      var title = m.querySelector("title");
      if (!title) return;
      m.setAttribute("role", "img");
      m.setAttribute("aria-label", title.textContent);
      m.setAttribute("tabindex", "-1");
      title.remove();
    });
    root.querySelectorAll(".canvas svg").forEach(function (svg) { svg.setAttribute("role", "group"); });
    root.querySelectorAll(".tools").forEach(function (tools) { tools.hidden = false; });
  }

  // redrawn is called when another run was drawn.
  function redrawn() {
    var found = document.querySelector(".window");
    if (found !== pane) {
      pane = found;
      drawn = pane ? timeline(pane) : null;
    } else if (drawn) drawn.read();
  }

  function timeline(pane) {
    var canvas = pane.querySelector(".canvas");
    var svg, axis, end, steps, most, all, marks, zoom = 1;

    function read() {
      svg = canvas.querySelector("svg");
      axis = svg.querySelector(".axis");
      end = Number(canvas.dataset.end);
      steps = canvas.dataset.steps.split(" ").map(Number);
      most = Math.min(200, Math.max(8, end / 100));
      prepare(pane.closest("section"));
      all = [];
      svg.querySelectorAll(".lane").forEach(function (lane) {
        var own = Array.from(lane.children).filter(function (m) { return m.hasAttribute("aria-label"); });
        own.sort(function (a, b) { return parseFloat(a.getAttribute("x")) - parseFloat(b.getAttribute("x")); });
        all = all.concat(own);
      });
      thin();
      if (zoom > 1) zoomTo(zoom);
    }

    // Symbols that would cover others are shown as soon as the picture is wide enough for them.
    function thin() {
      var room = zoom * pane.clientWidth / 900;
      svg.querySelectorAll("[data-zoom]").forEach(function (m) { m.style.display = m.dataset.zoom <= room ? "inline" : "none"; });
      marks = all.filter(visible);
      var stop = svg.querySelector('[tabindex="0"]');
      if (stop && visible(stop)) return;
      if (stop) stop.setAttribute("tabindex", "-1");
      if (marks.length) marks[0].setAttribute("tabindex", "0");
    }
    function visible(m) { return m.style.display !== "none"; }
    addEventListener("resize", thin);

    // Tooltips, by mouse and by keyboard. (An SVG element that listens for the focus would be a stop for the tab key itself.)
    var shown = null;
    function show(m) {
      shown = m;
      tip.textContent = m.getAttribute("aria-label");
      tip.hidden = false;
      var box = m.getBoundingClientRect(), view = pane.getBoundingClientRect();
      var middle = (Math.max(box.left, view.left) + Math.min(box.right, view.right)) / 2;
      var left = Math.min(Math.max(8, middle - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 8);
      var above = box.top - tip.offsetHeight - 8;
      tip.style.left = left + "px";
      tip.style.top = (above < 8 ? box.bottom + 8 : above) + "px";
    }
    function hide() { shown = null; tip.hidden = true; }
    function markOf(e) { return e.target.closest && e.target.closest(".lane > [aria-label]"); }
    canvas.addEventListener("pointerover", function (e) { var m = markOf(e); if (m) show(m); });
    canvas.addEventListener("pointerout", hide);
    canvas.addEventListener("focusin", function (e) { var m = markOf(e); if (m) { bring(m); show(m); } });
    canvas.addEventListener("focusout", hide);
    addEventListener("scroll", function () { if (shown) show(shown); }, { passive: true, capture: true });

    // One stop for the tab key; arrows go from mark to mark.
    function bring(m) {
      var box = m.getBoundingClientRect(), view = pane.getBoundingClientRect();
      if (box.left < view.left) pane.scrollLeft += box.left - view.left - 24;
      else if (box.right > view.right) pane.scrollLeft += Math.min(box.right - view.right + 24, box.left - view.left - 24);
    }
    function go(m) {
      if (!m) return;
      var old = svg.querySelector('[tabindex="0"]');
      if (old) old.setAttribute("tabindex", "-1");
      m.setAttribute("tabindex", "0");
      m.focus();
    }
    function besides(m, step) {
      var lanes = Array.from(svg.querySelectorAll(".lane")), from = m.getBoundingClientRect().left;
      for (var i = lanes.indexOf(m.parentNode) + step; lanes[i]; i += step) {
        var best = null, far = Infinity;
        lanes[i].querySelectorAll("[aria-label]").forEach(function (other) {
          var d = Math.abs(other.getBoundingClientRect().left - from);
          if (d < far && visible(other)) { far = d; best = other; }
        });
        if (best) return best;
      }
      return null;
    }
    canvas.addEventListener("keydown", function (e) {
      var m = markOf(e);
      if (!m) return;
      var i = marks.indexOf(m);
      var to = { ArrowRight: function () { return marks[i + 1]; }, ArrowLeft: function () { return marks[i - 1]; },
        ArrowDown: function () { return besides(m, 1); }, ArrowUp: function () { return besides(m, -1); },
        Home: function () { return marks[0]; }, End: function () { return marks[marks.length - 1]; } }[e.key];
      if (to) { e.preventDefault(); go(to()); }
    });

    // Zoom: a wider picture; places on it are shares of its width.
    var output = document.querySelector("#timeline output");
    function zoomTo(z, x) {
      z = Math.min(most, Math.max(1, z));
      if (x === undefined) x = pane.clientWidth / 2;
      var at = (pane.scrollLeft + x) / zoom;
      zoom = z;
      canvas.style.width = z * 100 + "%";
      thin();
      pane.scrollLeft = at * z - x;
      output.textContent = (z < 10 ? Math.round(z * 10) / 10 : Math.round(z)) + " ×";
      ticks();
      hide();
    }
    function ticks() {
      var step = steps.find(function (s) { return s >= end / zoom / 8; }) || steps[steps.length - 1];
      axis.textContent = "";
      for (var at = 0, n = 0; at <= end && n < 2000; at += step, n++) {
        var x = at / end * 100 + "%";
        var line = document.createElementNS(svg.namespaceURI, "line"), text = document.createElementNS(svg.namespaceURI, "text");
        line.setAttribute("x1", x); line.setAttribute("x2", x); line.setAttribute("y1", "20"); line.setAttribute("y2", "100%");
        text.setAttribute("x", x); text.setAttribute("y", "14"); text.textContent = label(at);
        axis.append(line, text);
      }
    }
    document.getElementById("zoom-tools").addEventListener("click", function (e) {
      var to = { in: zoom * 2, out: zoom / 2, fit: 1 }[e.target.dataset.zoom];
      if (to) zoomTo(to);
    });
    pane.addEventListener("keydown", function (e) {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      var to = { "+": zoom * 2, "=": zoom * 2, "-": zoom / 2, "0": 1 }[e.key];
      if (to) { e.preventDefault(); zoomTo(to); }
    });
    addEventListener("keydown", function (e) { if (e.key === "Escape") hide(); });
    pane.addEventListener("wheel", function (e) {
      if (!e.ctrlKey && !e.metaKey) return; // the page scrolls
      e.preventDefault();
      zoomTo(zoom * Math.pow(2, -e.deltaY / 200), e.clientX - pane.getBoundingClientRect().left);
    }, { passive: false });
    pane.addEventListener("pointerdown", function (e) {
      if (e.button !== 0 || e.pointerType === "touch") return; // touch scrolls by itself
      var from = e.clientX + pane.scrollLeft;
      function move(e) { pane.classList.add("dragging"); pane.scrollLeft = from - e.clientX; }
      function up() { pane.classList.remove("dragging"); removeEventListener("pointermove", move); removeEventListener("pointerup", up); }
      addEventListener("pointermove", move);
      addEventListener("pointerup", up);
    });
    read();
    return { read: read };
  }

  // The label of a time, as the page has it before it is zoomed: 250 ms, 1.25 s, 1 m 05 s, 2 h.
  function label(ms) {
    var tie = "\u00a0", two = function (n) { return (n < 10 ? "0" : "") + n; };
    ms = Math.round(ms);
    if (ms === 0) return "0";
    if (ms < 1e3) return ms + tie + "ms";
    if (ms < 6e4) return ms / 1e3 + tie + "s";
    var h = Math.floor(ms / 36e5), m = Math.floor(ms % 36e5 / 6e4), s = ms % 6e4 / 1e3, parts = [];
    if (h) parts.push(h.toLocaleString("en") + tie + "h");
    if (!h) parts.push(m + tie + "m");
    else if (m || s) parts.push(two(m) + tie + "m");
    if (s) parts.push(two(s) + tie + "s");
    return parts.join(tie);
  }

  return { prepare: prepare, redrawn: redrawn };
})();
