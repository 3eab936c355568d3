// ms reads a duration as the engine does; NaN for none.
export function ms(text) {
  const units = { ns: 1e-6, us: 1e-3, "µs": 1e-3, ms: 1, s: 1e3, m: 6e4, h: 36e5 };
  if (text === "0") return 0;
  if (!/^([\d.]+(ns|us|µs|ms|s|m|h))+$/.test(text)) return NaN;
  return [...text.matchAll(/([\d.]+)([a-zµ]+)/g)].reduce((sum, m) => sum + Number(m[1]) * units[m[2]], 0);
}
// duration writes milliseconds as the engine reads them.
export function duration(ms) {
  const round = n => String(Math.round(n * 1000) / 1000);
  if (ms < 1000) return ms === 0 ? "0s" : round(ms) + "ms";
  if (ms < 6e4) return round(ms / 1000) + "s";
  const minutes = Math.floor(ms / 6e4);
  return (minutes >= 60 ? Math.floor(minutes / 60) + "h" : "") + minutes % 60 + "m" + round(ms % 6e4 / 1000) + "s";
}
// scale lists the values that a slider stops at.
export function scale(s) {
  const values = s.zero ? [0] : [], steps = 200;
  for (let i = 0; i <= steps; i++) {
    let v = s.low + (s.high - s.low) * i / steps;
    if (s.log) v = Number((s.low * Math.pow(s.high / s.low, i / steps)).toPrecision(2));
    v = s.whole ? Math.round(v) : Math.round(v * 1000) / 1000;
    if (v !== values[values.length - 1]) values.push(v);
  }
  return values;
}
