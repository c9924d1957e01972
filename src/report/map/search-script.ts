/** The script of the search page: plain browser JavaScript, kept as text so that the page is one file. */
export const searchScript = `
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const element = (id) => document.getElementById(id);
  const last = data.names.length - 1;

  /** Moves the sheet of all pictures so that one of them fills the element. */
  function fill(tile, i) {
    const share = (at, count) => count < 2 ? '0' : 100 * at / (count - 1) + '%';
    const [column, row] = [i % data.columns, Math.floor(i / data.columns)];
    tile.style.backgroundPosition = share(column, data.columns) + ' ' + share(row, data.rows);
  }

  /** The address names the image, so that the browser's way back works and a place can be kept. */
  const current = () => {
    const number = Number(location.hash.slice(1));
    return Number.isInteger(number) && number >= 0 && number <= last ? number : 0;
  };
  const go = (i) => { location.hash = String(i); };

  /** How many images were gone to before this one, kept with each place of the browser's history. */
  let depth = history.state?.depth ?? 0;
  const keepDepth = () => {
    history.replaceState({ depth }, '');
    element('back').disabled = depth === 0;
  };

  function neighbor(i, rank) {
    const other = data.neighbors[i * data.k + rank];
    const similarity = (Number(data.similarities[i * data.k + rank].toFixed(3)) + 0).toFixed(3); // no -0.000
    const tile = document.createElement('span');
    tile.className = 'tile';
    fill(tile, other);
    const file = document.createElement('span');
    file.className = 'file';
    file.textContent = data.names[other];
    const value = document.createElement('span');
    value.className = 'value';
    value.textContent = similarity;
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('aria-label', 'Neighbor ' + (rank + 1) + ': ' + data.names[other] + ', similarity ' + similarity);
    button.append(tile, file, value);
    button.addEventListener('click', () => go(other));
    const item = document.createElement('li');
    item.append(button);
    return item;
  }

  function show() {
    const i = current();
    const name = data.names[i];
    fill(element('picture'), i);
    element('picture').setAttribute('aria-label', 'The image ' + name);
    element('shown').textContent = name;
    element('what').textContent = i === 0
      ? 'The image that was asked for. Below are the most similar ones; click one to see the images most similar to it.'
      : 'The images most similar to this one, the nearest first.';
    element('found').replaceChildren(...Array.from({ length: data.k }, (_, rank) => neighbor(i, rank)));
    element('first').disabled = i === 0;
    element('said').textContent = name + ', ' + data.k + ' neighbors';
  }

  element('back').addEventListener('click', () => history.back());
  element('first').addEventListener('click', () => go(0));
  element('names').append(...data.names.map((name) => {
    const option = document.createElement('option');
    option.value = name;
    return option;
  }));
  element('name').addEventListener('change', (event) => {
    const wanted = event.currentTarget.value.trim().toLowerCase();
    if (wanted === '') return;
    const lower = data.names.map((name) => name.toLowerCase());
    const exact = lower.indexOf(wanted);
    const found = exact >= 0 ? exact : lower.findIndex((name) => name.includes(wanted));
    if (found >= 0) go(found);
    else element('said').textContent = element('what').textContent = 'No file has "' + wanted + '" in its name.';
  });
  addEventListener('hashchange', () => {
    depth = history.state?.depth ?? depth + 1;
    keepDepth();
    show();
    element('shown').focus();
    scrollTo(0, 0);
  });
  keepDepth();
  show();
})();
`;
