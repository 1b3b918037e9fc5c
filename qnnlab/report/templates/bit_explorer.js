// Makes the figure before each .bit-explorer move with the bits. All numbers come with the page;
// without this script the figure stays as it is. It asks nothing of the network.
(() => {
  "use strict";
  const css = `
    .bit-explorer { font: 14px system-ui, sans-serif; max-width: 52rem; }
    .bit-explorer .controls { display: flex; flex-wrap: wrap; gap: .5rem 1.2rem; align-items: center; }
    .bit-explorer label { display: flex; gap: .45rem; align-items: center; }
    .bit-explorer input { width: 13rem; accent-color: #0072B2; }
    .bit-explorer select { font: inherit; }
    .bit-explorer output { font-weight: 700; min-width: 4.2rem; }
    .bit-explorer svg { display: block; width: 100%; height: auto; margin: .6rem 0; }
    .bit-explorer svg text { fill: currentColor; font-size: 12px; }
    .bit-explorer .state { margin: 0; font-variant-numeric: tabular-nums; min-height: 3.2em; }
    @media print { .bit-explorer .controls { display: none; } }`;
  const blue = "#3b94d1", orange = "#D55E00", grey = "#8a8f98";
  const left = 72, wide = 426, right = 560, narrow = 145;
  const escape = (text) => {
    const box = document.createElement("span");
    box.textContent = text;
    return box.innerHTML;
  };
  const line = (x1, y1, x2, y2, colour, width = 1, more = "") =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}" stroke-width="${width}" ${more}/>`;
  const text = (x, y, words, anchor = "middle") =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}">${escape(words)}</text>`;
  const short = (number) => Number(number.toPrecision(2)).toString().replace("-", "−");

  const limits = (subject) => {
    const errors = Object.values(subject.frames).flatMap((f) => f.errors).filter((e) => e > 0);
    const sqnrs = Object.values(subject.frames).map((f) => f.sqnr).filter((s) => s !== null);
    return {
      low: Math.floor(Math.log10(Math.max(Math.min(...errors), Math.max(...errors) / 1e4))),
      high: Math.ceil(Math.log10(Math.max(...errors))),
      sqnr: [Math.min(0, ...sqnrs), Math.max(...sqnrs)],
    };
  };

  const histogram = (subject, frame, x) => {
    const most = Math.max(...subject.counts), step = wide / subject.counts.length;
    let out = text(left, 12, "how many values, and the grid", "start");
    subject.counts.forEach((count, i) => {
      // Square roots, so that the few values of the tails are seen.
      const height = 130 * Math.sqrt(count / most);
      out += `<rect x="${left + i * step}" y="${150 - height}" width="${step - 0.5}" height="${height}" fill="${blue}"/>`;
    });
    out += line(left, 150, left + wide, 150, "currentColor");
    frame.grids.forEach((grid, row) => {
      const y = 156 + 16 * row;
      out += text(left - 6, y + 10, grid.label, "end");
      const levels = Array.from({ length: grid.count }, (_, i) =>
        grid.first + (i * (grid.last - grid.first)) / (grid.count - 1));
      for (const level of levels) {
        if (level < x.low || level > x.high) continue;
        const top = frame.grids.length === 1 && grid.count <= 64 ? 20 : y;
        out += line(x.at(level), top, x.at(level), y + 12, orange, grid.count > 64 ? 0.6 : 1);
      }
    });
    return out;
  };

  const errorPanel = (subject, frame, x, scale) => {
    const top = 250, height = 110, step = wide / subject.counts.length;
    const y = (e) => top + height * (1 - (Math.log10(e) - scale.low) / (scale.high - scale.low));
    let out = text(left, top - 12, "RMS error of the values in each bin (powers of ten)", "start");
    for (let power = scale.low; power <= scale.high; power++) {
      out += line(left, y(10 ** power), left + wide, y(10 ** power), grey, 0.4);
      out += text(left - 6, y(10 ** power) + 4, `1e${power}`.replace("-", "−"), "end");
    }
    frame.errors.forEach((error, i) => {
      if (!error) return;
      const at = Math.min(y(error), top + height - 1);
      out += `<rect x="${left + i * step}" y="${at}" width="${step - 0.5}" height="${top + height - at}" fill="${orange}"/>`;
    });
    for (const value of [x.low, 0, x.high]) {
      if (x.low <= value && value <= x.high)
        out += text(x.at(value), top + height + 16, short(value));
    }
    return out + text(left + wide / 2, top + height + 32, "value");
  };

  const sqnrPanel = (subject, state, scale) => {
    const top = 24, height = 336, [low, high] = scale.sqnr;
    const x = (bits) => right + ((bits - 1) * narrow) / 7;
    const y = (dB) => top + height * (1 - (dB - low) / (high - low || 1));
    let out = text(right - 30, 12, "SQNR (dB) by bits", "start");
    for (let dB = Math.ceil(low / 10) * 10; dB <= high; dB += 10) {
      out += line(right - 6, y(dB), right + narrow, y(dB), grey, 0.4);
      out += text(right - 10, y(dB) + 4, short(dB), "end");
    }
    const shown = [];
    for (let bits = 1; bits <= 8; bits++) {
      const sqnr = subject.frames[keyOf({ ...state, bits })].sqnr;
      out += text(x(bits), top + height + 16, String(bits));
      if (sqnr !== null) shown.push([x(bits), y(sqnr), bits]);
    }
    out += `<polyline fill="none" stroke="${grey}" points="${shown.map(([a, b]) => `${a},${b}`).join(" ")}"/>`;
    for (const [a, b, bits] of shown) {
      const chosen = bits === state.bits;
      out += `<circle cx="${a}" cy="${b}" r="${chosen ? 6 : 3}" fill="${chosen ? orange : grey}"/>`;
    }
    return out + text(right + narrow / 2, top + height + 32, "bits");
  };

  const keyOf = (s) => `${s.bits}/${s.range}/${s.scales}/${s.observer}`;

  const choice = (box, label, options, chosen) => {
    const element = document.createElement("label");
    const select = document.createElement("select");
    for (const [value, words] of options) select.add(new Option(words, value));
    select.addEventListener("change", () => chosen(select.value));
    element.append(label, select);
    box.append(element);
    return select;
  };

  const start = (root) => {
    const data = JSON.parse(root.dataset.frames);
    const scales = data.subjects.map(limits);
    const state = {
      subject: 0, bits: data.bits, range: "symmetric", scales: "tensor", observer: "minmax",
    };
    const controls = document.createElement("div");
    controls.className = "controls";
    controls.setAttribute("role", "group");
    controls.setAttribute("aria-label", "Quantizer");
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 1, max: 8, step: 1, value: state.bits });
    const said = document.createElement("output");
    const label = document.createElement("label");
    label.append("bits", slider, said);
    controls.append(label);
    const picture = document.createElement("div");
    const words = document.createElement("p");
    words.className = "state";
    words.setAttribute("aria-live", "polite");

    const draw = () => {
      const subject = data.subjects[state.subject];
      granularity.disabled = !subject.channels;
      if (!subject.channels) granularity.value = state.scales = "tensor";
      const frame = subject.frames[keyOf(state)];
      const x = { low: subject.low, high: subject.high };
      x.at = (value) => left + (wide * (value - x.low)) / (x.high - x.low || 1);
      said.value = `${state.bits} bit${state.bits > 1 ? "s" : ""}`;
      slider.setAttribute("aria-valuetext", said.value);
      picture.innerHTML =
        `<svg viewBox="0 0 720 400" role="img" aria-label="${escape(frame.text)}">` +
        histogram(subject, frame, x) + errorPanel(subject, frame, x, scales[state.subject]) +
        sqnrPanel(subject, state, scales[state.subject]) + "</svg>";
      words.textContent = frame.text;
    };
    slider.addEventListener("input", () => { state.bits = Number(slider.value); draw(); });
    const set = (name) => (value) => { state[name] = value; draw(); };
    choice(controls, "tensor", data.subjects.map((s, i) => [i, s.name]), (value) => {
      state.subject = Number(value);
      draw();
    });
    choice(controls, "range", [["symmetric", "symmetric"], ["asymmetric", "asymmetric"]], set("range"));
    const granularity = choice(
      controls, "one scale for", [["tensor", "the tensor"], ["channel", "each channel"]], set("scales"));
    choice(controls, "observer", Object.entries(data.observers), set("observer"));
    draw();
    const still = root.previousElementSibling?.querySelector("img");
    root.append(controls, picture, words);
    if (still) still.replaceWith(root);
  };

  const roots = document.querySelectorAll(".bit-explorer:not([data-ready])");
  if (roots.length && !document.getElementById("bit-explorer-style")) {
    const style = document.createElement("style");
    style.id = "bit-explorer-style";
    style.textContent = css;
    document.head.append(style);
  }
  for (const root of roots) {
    root.dataset.ready = "";
    start(root);
  }
})();
