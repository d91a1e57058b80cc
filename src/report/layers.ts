/** A node to be placed, and those that must stand to the left of it. */
export interface LayerNode {
  readonly id: string;
  readonly from: readonly string[];
  readonly height: number;
}

/** Where a node stands: its column, and its middle from the top. */
export interface Place {
  readonly column: number;
  readonly y: number;
  readonly height: number;
}

export interface Layers {
  readonly places: ReadonlyMap<string, Place>;
  /** Each edge with the points that it goes through, columns included: its ends, and a free lane in each column between. */
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly through: readonly { readonly column: number; readonly y: number }[];
  }[];
  readonly columns: number;
  readonly height: number;
}

/** Room that an edge takes where it passes a column, and between two nodes of a column, in pixels. */
const LANE = 14;
const GAP = 18;

interface Item {
  readonly id: string;
  readonly column: number;
  readonly height: number;
  readonly from: string[];
  readonly to: string[];
}

/**
 * A graph in layers, from left to right (Sugiyama, 1981): each node one column behind the last of those it comes from, long edges given a
 * lane in each column that they pass, and columns sorted by the middle of their neighbours so that few edges cross.
 * `nodes` must be in an order in which each comes after those it is from.
 */
export function layers(nodes: readonly LayerNode[]): Layers {
  const items = new Map<string, Item>();
  const chains: { from: string; to: string; ids: string[] }[] = [];
  for (const { id, from, height } of nodes) {
    const parents = from.flatMap((parent) => items.get(parent) ?? []);
    const column = Math.max(-1, ...parents.map((parent) => parent.column)) + 1;
    items.set(id, { id, column, height, from: [], to: [] });
    for (const parent of parents) {
      const ids = [parent.id];
      for (let between = parent.column + 1; between < column; between++) {
        const lane = `${parent.id} → ${id} @ ${between}`;
        items.set(lane, { id: lane, column: between, height: LANE, from: [], to: [] });
        ids.push(lane);
      }
      ids.push(id);
      chains.push({ from: parent.id, to: id, ids });
      ids.slice(1).forEach((each, index) => {
        const before = ids[index] ?? '';
        items.get(each)?.from.push(before);
        items.get(before)?.to.push(each);
      });
    }
  }
  const count = Math.max(-1, ...[...items.values()].map(({ column }) => column)) + 1;
  const columns = Array.from({ length: count }, (_, column) =>
    [...items.values()].filter((item) => item.column === column),
  );
  untangle(columns);
  const heightOf = (column: readonly Item[]): number => column.reduce((sum, { height }) => sum + height + GAP, -GAP);
  const height = Math.max(0, ...columns.map(heightOf));
  const places = new Map<string, Place>();
  columns.forEach((column, index) => {
    let top = (height - heightOf(column)) / 2;
    for (const item of column) {
      places.set(item.id, { column: index, y: top + item.height / 2, height: item.height });
      top += item.height + GAP;
    }
  });
  const edges = chains.map(({ from, to, ids }) => {
    return { from, to, through: ids.flatMap((id) => places.get(id) ?? []).map(({ column, y }) => ({ column, y })) };
  });
  const known = new Set(nodes.map(({ id }) => id));
  return { places: new Map([...places].filter(([id]) => known.has(id))), edges, columns: count, height };
}

/** Sorts each column by the mean place of its neighbours, from left to right and back, a few times. */
function untangle(columns: Item[][]): void {
  for (let sweep = 0; sweep < 6; sweep++) {
    const forward = sweep % 2 === 0;
    const order = forward ? columns.keys() : [...columns.keys()].reverse();
    for (const index of order) {
      const column = columns[index] ?? [];
      const beside = columns[forward ? index - 1 : index + 1] ?? [];
      const places = new Map(beside.map(({ id }, place) => [id, place / Math.max(1, beside.length - 1)]));
      const middle = (item: Item, own: number): number => {
        const found = (forward ? item.from : item.to).flatMap((id) => places.get(id) ?? []);
        return found.length === 0 ? own : found.reduce((sum, place) => sum + place, 0) / found.length;
      };
      const sorted = column
        .map((item, place) => ({ item, key: middle(item, place / Math.max(1, column.length - 1)), place }))
        .sort((a, b) => a.key - b.key || a.place - b.place);
      columns[index] = sorted.map(({ item }) => item);
    }
  }
}
