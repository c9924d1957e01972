/** The scripts of interactive pages, run on a document that holds what they ask for. */
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { mapScript } from '../../../src/report/map/map-script.ts';
import { renderSearchPage } from '../../../src/report/map/search-page.ts';
import { searchScript } from '../../../src/report/map/search-script.ts';

type Listener = (event: object) => void;

/** An element that takes whatever is done to it. */
class Element {
  readonly style: Record<string, string> = {};
  readonly listeners = new Map<string, Listener>();
  readonly drawn: number[][] = [];
  children: Element[] = [];
  textContent = '';
  disabled = false;
  hidden = false;
  clientWidth = 360;

  addEventListener(name: string, listener: Listener): void {
    this.listeners.set(name, listener);
  }
  append(...children: Element[]): void {
    this.children.push(...children);
  }
  replaceChildren(...children: Element[]): void {
    this.children = children;
  }
  setAttribute(): void {}
  decode(): object {
    return Promise.resolve();
  }
  focus(): void {}
  getBoundingClientRect(): object {
    return { left: 0, top: 0, width: 360, height: 400 };
  }
  getContext(): object {
    const nothing = (): void => {};
    const drawImage = (_: unknown, ...numbers: number[]): void => void this.drawn.push(numbers.slice(4));
    return new Proxy({}, { get: (_, name) => (name === 'drawImage' ? drawImage : nothing), set: () => true });
  }
  click(): void {
    this.listeners.get('click')?.({});
  }
}

/** @returns the elements by id, and what happens to the window */
function run(script: string, data: object, globals: object = {}) {
  const elements = new Map<string, Element>();
  const windowListeners = new Map<string, Listener>();
  const frames: (() => void)[] = [];
  const element = (id: string): Element => {
    const found = elements.get(id) ?? new Element();
    elements.set(id, found);
    return found;
  };
  element('data').textContent = JSON.stringify(data);
  runInNewContext(script, {
    document: { getElementById: element, createElement: () => new Element(), body: {} },
    addEventListener: (name: string, listener: Listener) => windowListeners.set(name, listener),
    ...{ scrollTo: () => {}, devicePixelRatio: 1, getComputedStyle: () => ({}) },
    requestAnimationFrame: (draw: () => void) => frames.push(draw),
    matchMedia: () => ({ matches: true }),
    ...globals,
  });
  for (const draw of frames) draw();
  return { element, windowListeners };
}

const picture = { mime: 'image/png', bytes: new Uint8Array(), width: 88, height: 88 } as const;

describe('the map', () => {
  it('leaves room at its border for the whole of the pictures there', () => {
    const names = ['a', 'b', 'c', 'd'];
    const data = {
      ...{ names, colorings: [], side: 44, columns: 2 },
      views: [{ name: 'one', note: '', positions: [0, 0, 1, 0, 0, 1, 1, 1] }],
    };
    const { drawn } = run(mapScript, data).element('map');
    expect(drawn.length).toBeGreaterThanOrEqual(4);
    for (const [x = Number.NaN, y = Number.NaN, width = Number.NaN, height = Number.NaN] of drawn) {
      expect(width).toBeGreaterThan(14);
      expect(Math.min(x, y)).toBeGreaterThan(0);
      expect(x + width).toBeLessThan(360);
      expect(y + height).toBeLessThan(400);
    }
  });
});

describe('the search page', () => {
  it('goes back where there is a place to go back to, and not further', () => {
    // What a browser does: a new address is a new place, which has no state.
    const places: { hash: string; state: unknown }[] = [{ hash: '', state: null }];
    let at = 0;
    const changed = (): void => page.windowListeners.get('hashchange')?.({});
    const history = {
      get state() {
        return places[at]?.state;
      },
      replaceState: (state: unknown) => {
        places[at] = { hash: places[at]?.hash ?? '', state };
      },
      back: () => {
        at--;
        changed();
      },
    };
    const location = {
      get hash() {
        return places[at]?.hash ?? '';
      },
      set hash(value: string) {
        places.splice(++at, places.length, { hash: `#${value}`, state: null });
        changed();
      },
    };
    const data = {
      ...{ names: ['a', 'b', 'c'], k: 1, columns: 2, rows: 2 },
      ...{ neighbors: [1, 2, 0], similarities: [0.5, 0.5, 0.5] },
    };
    const page = run(searchScript, data, { history, location });
    const back = page.element('back');
    const goOn = (): void => page.element('found').children[0]?.children[0]?.click();
    const shown = (): unknown[] => [page.element('shown').textContent, back.disabled];
    const seen = [shown()];
    for (const move of [goOn, goOn, () => back.click(), () => back.click(), goOn]) {
      move();
      seen.push(shown());
    }
    expect(seen).toEqual([
      ['a', true],
      ['b', false],
      ['c', false],
      ['b', false],
      ['a', true],
      ['b', false],
    ]);
    expect(
      renderSearchPage({
        ...{ title: '', intro: '', names: ['a'], k: 0, neighbors: [], similarities: [] },
        atlas: { picture, side: 44, columns: 2 },
      }),
    ).toContain('<button type="button" id="back" disabled>');
  });
});
