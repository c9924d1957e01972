/** The script of the map page: plain browser JavaScript, kept as text so that the page is one file. */
export const mapScript = `
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const canvas = document.getElementById('map');
  const tip = document.getElementById('tip');
  const atlas = document.getElementById('atlas');
  const note = document.getElementById('note');
  const pen = canvas.getContext('2d');
  const count = data.names.length;
  const said = document.getElementById('said');
  const palette = ['#4b6bd6', '#e0802c', '#2f9e62', '#d2443e', '#8a63c7', '#9a6a4b', '#d867a9', '#7d838c', '#b3a323', '#22a5b3'];
  const color = (label) => label < 0 ? '#8a8d94' : palette[label % palette.length];
  const plain = { name: '', groups: [], labels: data.names.map(() => -1) };
  let coloring = data.colorings[0] ?? plain;
  let shown = coloring.groups.map(() => true);
  const isShown = (i) => coloring.labels[i] < 0 || shown[coloring.labels[i]];
  let pictures = true;
  let from = data.views[0].positions;
  let to = from;
  let share = 1;
  let [scale, left, top] = [1, 0, 0];
  let [width, height] = [1, 1];
  let pointed = -1;
  let waiting = false;

  const place = (i) => from[i] + (to[i] - from[i]) * share;
  /** Small where there is little room, so that the whole map shows pictures. */
  const sizeIn = (room) => Math.min(1.4 * data.side, Math.max(14, (0.8 * room) / Math.sqrt(Math.max(1, count))));
  /** Of the whole map it leaves room for the pictures at its border. */
  const side = () => {
    const room = Math.min(width, height);
    return Math.max(0.5 * room, room - sizeIn(room) - 8) * scale;
  };
  const screenX = (i) => left + place(2 * i) * side();
  const screenY = (i) => top + (1 - place(2 * i + 1)) * side();

  /** 0 where points were asked for. */
  const pictureSide = () => (pictures ? sizeIn(side()) : 0);

  function draw() {
    waiting = false;
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const size = pictureSide();
    const radius = Math.max(2.2, Math.min(5, 2.2 * Math.sqrt(scale)));
    for (let i = 0; i < count; i++) {
      if (!isShown(i)) continue;
      const [x, y] = [screenX(i), screenY(i)];
      if (x < -60 || y < -60 || x > width + 60 || y > height + 60) continue;
      if (size > 0) picture(pen, i, x - size / 2, y - size / 2, size);
      pen.strokeStyle = pen.fillStyle = color(coloring.labels[i]);
      if (size > 0) {
        pen.lineWidth = size < 24 ? 1 : 2;
        pen.strokeRect(x - size / 2, y - size / 2, size, size);
      } else {
        pen.globalAlpha = 0.78;
        pen.beginPath();
        pen.arc(x, y, radius, 0, 7);
        pen.fill();
        pen.globalAlpha = 1;
      }
    }
    if (pointed >= 0) {
      pen.lineWidth = 2;
      pen.strokeStyle = getComputedStyle(document.body).color;
      pen.beginPath();
      pen.arc(screenX(pointed), screenY(pointed), Math.max(radius + 3, size * 0.75), 0, 7);
      pen.stroke();
    }
  }

  function picture(on, i, x, y, size) {
    const column = i % data.columns;
    const row = Math.floor(i / data.columns);
    on.drawImage(atlas, column * data.side, row * data.side, data.side, data.side, x, y, size, size);
  }

  function again() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  }

  function whole() {
    scale = 1;
    left = (width - side()) / 2;
    top = (height - side()) / 2;
    again();
  }

  function zoom(x, y, factor) {
    const next = Math.min(200, Math.max(0.5, scale * factor));
    const real = next / scale;
    left = x - (x - left) * real;
    top = y - (y - top) * real;
    scale = next;
    again();
  }

  function fit() {
    const box = canvas.getBoundingClientRect();
    [width, height] = [box.width, box.height];
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(height * devicePixelRatio);
    if (scale === 1) whole();
    else again();
  }

  /** The nearest point under the pointer, with its picture. */
  function point(x, y) {
    const reach = Math.max(14, pictureSide() / 2);
    let best = reach * reach;
    pointed = -1;
    for (let i = 0; i < count; i++) {
      if (!isShown(i)) continue;
      const square = (screenX(i) - x) ** 2 + (screenY(i) - y) ** 2;
      if (square < best) [best, pointed] = [square, i];
    }
    describe();
  }

  /** Shows which image is pointed at: its picture, its group and its name. */
  function describe() {
    tip.hidden = pointed < 0;
    if (pointed >= 0) {
      const small = document.createElement('canvas');
      small.width = small.height = 192;
      picture(small.getContext('2d'), pointed, 0, 0, 192);
      const name = document.createElement('div');
      name.textContent = data.names[pointed];
      const label = document.createElement('strong');
      label.textContent = coloring.groups[coloring.labels[pointed]] ?? '';
      tip.replaceChildren(small, label, name);
      const [x, y] = [screenX(pointed), screenY(pointed)];
      tip.style.left = Math.max(0, Math.min(x + 16, width - tip.offsetWidth - 4)) + 'px';
      tip.style.top = Math.max(0, Math.min(y + 16, height - tip.offsetHeight - 4)) + 'px';
    }
    again();
  }

  /** The next image that is shown, or the previous one; the map follows it, and its name is read aloud. */
  function walk(by) {
    let next = pointed < 0 && by < 0 ? 0 : pointed;
    for (let tried = 0; tried < count; tried++) {
      next = (next + by + count) % count;
      if (isShown(next)) break;
    }
    if (!isShown(next)) return;
    pointed = next;
    const [x, y] = [screenX(next), screenY(next)];
    if (x < 0 || x > width) left += width / 2 - x;
    if (y < 0 || y > height) top += height / 2 - y;
    describe();
    said.textContent = [data.names[next], coloring.groups[coloring.labels[next]] ?? ''].join(' ');
  }

  const fingers = new Map();
  const inside = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, inside(event));
    point(...inside(event));
  });
  canvas.addEventListener('pointermove', (event) => {
    const now = inside(event);
    const before = fingers.get(event.pointerId);
    if (before === undefined) return point(...now);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    left += (now[0] - before[0]) / fingers.size;
    top += (now[1] - before[1]) / fingers.size;
    if (other !== undefined) {
      const spread = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]);
      zoom((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, spread(now) / Math.max(1, spread(before)));
    }
    if (Math.hypot(now[0] - before[0], now[1] - before[1]) > 0) tip.hidden = true;
    fingers.set(event.pointerId, now);
    again();
  });
  for (const end of ['pointerup', 'pointercancel'])
    canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener('pointerleave', () => {
    if (fingers.size > 0) return;
    pointed = -1;
    tip.hidden = true;
    again();
  });
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    zoom(...inside(event), Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)));
  }, { passive: false });
  const middle = (factor) => () => zoom(width / 2, height / 2, factor);
  const keys = { '+': middle(1.4), '=': middle(1.4), '-': middle(1 / 1.4), 0: whole, n: () => walk(1), p: () => walk(-1) };
  const arrows = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
  canvas.addEventListener('keydown', (event) => {
    const move = arrows[event.key];
    if (move === undefined && keys[event.key] === undefined) return;
    event.preventDefault();
    if (move === undefined) return keys[event.key]();
    left += move[0];
    top += move[1];
    again();
  });
  document.getElementById('in').addEventListener('click', middle(1.6));
  document.getElementById('out').addEventListener('click', middle(1 / 1.6));
  document.getElementById('whole').addEventListener('click', whole);

  function button(parent, text, pressed, act) {
    const made = document.createElement('button');
    made.type = 'button';
    made.textContent = text;
    made.setAttribute('aria-pressed', pressed);
    made.addEventListener('click', () => act(made));
    parent.append(made);
    return made;
  }

  const views = document.getElementById('views');
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  function show(view) {
    [...views.children].forEach((each, i) => each.setAttribute('aria-pressed', data.views[i] === view));
    note.textContent = view.note;
    from = to.map((_, i) => place(i));
    to = view.positions;
    if (calm.matches) share = 1;
    else {
      const start = performance.now();
      const move = (now) => {
        const t = Math.min(1, Math.max(0, (now - start) / 600));
        share = t * t * (3 - 2 * t);
        if (t < 1) requestAnimationFrame(move);
        draw();
      };
      requestAnimationFrame(move);
    }
    again();
  }
  data.views.forEach((view, i) => button(views, view.name, i === 0, () => show(view)));
  note.textContent = data.views[0].note;

  const groups = document.getElementById('groups');
  let toggles = [];
  function toggle(i, on) {
    shown[i] = on;
    toggles[i].setAttribute('aria-pressed', on);
    pointed = -1;
    describe();
  }
  function colorBy(chosen) {
    coloring = chosen;
    shown = coloring.groups.map(() => true);
    groups.replaceChildren();
    toggles = coloring.groups.map((name, i) => {
      const made = button(groups, name, true, () => toggle(i, !shown[i]));
      made.style.setProperty('--c', color(i));
      return made;
    });
    if (toggles.length > 1) {
      for (const [text, on] of [['All', true], ['None', false]]) {
        const made = button(groups, text, true, () => toggles.forEach((_, i) => toggle(i, on)));
        made.removeAttribute('aria-pressed');
        made.className = 'plain';
      }
    }
    groups.hidden = toggles.length === 0;
    pointed = -1;
    describe();
  }
  const colorings = document.getElementById('colorings');
  const choices = data.colorings.map((each, i) => button(colorings, each.name, i === 0, (made) => {
    choices.forEach((other) => other.setAttribute('aria-pressed', other === made));
    colorBy(each);
  }));
  colorBy(coloring);
  document.getElementById('pictures').addEventListener('click', (event) => {
    pictures = !pictures;
    event.currentTarget.setAttribute('aria-pressed', pictures);
    again();
  });
  addEventListener('resize', fit);
  atlas.decode().then(again, again);
  fit();
})();
`;
