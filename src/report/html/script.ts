/**
 * What a report does in the browser: unpacks Plotly, which the page carries compressed, and puts an interactive chart in the
 * place of each still picture; smooths curves (the formula of smoothing.ts), turns axes to logarithms, picks out lines, and hands out
 * the numbers of each figure. Where anything of that fails, the still pictures stay. Written for the browser, hence as text.
 */
export const pageScript = `
(async () => {
  const valuesOf = (id) => JSON.parse(document.getElementById(id).textContent);
  document.documentElement.classList.add('scripted');

  const cell = (value) => { const text = value === null || value === undefined ? '' : String(value); return /[",\\n\\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text; };
  const csv = (values) => {
    const rows = values.columns
      ? [values.columns, ...values.rows]
      : [['line', 'x', 'y'], ...values.data.flatMap((trace, index) => (trace.x ?? []).map((x, at) => [trace.name ?? index, x, trace.y?.[at]]))];
    const from = Object.entries(values.origin).map(([name, value]) => '# ' + name + ': ' + value);
    return ['# ' + values.title.replaceAll('\\n', ' '), ...from, ...rows.map((row) => row.map(cell).join(','))].join('\\n') + '\\n';
  };
  document.addEventListener('click', ({ target }) => {
    const button = target.closest?.('[data-download]');
    if (!button) return;
    const values = valuesOf(button.dataset.of);
    const form = button.dataset.download;
    const content = form === 'csv' ? csv(values) : JSON.stringify(values, undefined, 1);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([content], { type: form === 'csv' ? 'text/csv' : 'application/json' }));
    link.download = button.dataset.of.replace(/-values$/, '') + '.' + form;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  const packed = document.getElementById('plotly');
  const charts = [...document.querySelectorAll('.chart[data-figure]')];
  if (!packed || charts.length === 0 || typeof DecompressionStream === 'undefined') return;
  const bytes = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const script = document.createElement('script');
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  const Plotly = window.Plotly;
  if (!Plotly) return;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = (given, more) => ({ ...given, gridcolor: colour('--grid'), linecolor: colour('--line'), tickcolor: colour('--line'),
    ...more, title: { ...given?.title, font: { size: 12, color: colour('--muted') } } });
  // Room for names of any length; numbers have enough, and Plotly's search for more room does not always end.
  const named = (data, name) => ({ automargin: data.some((trace) => typeof trace[name]?.[0] === 'string') });
  const isCurve = ({ data }) => data.some((trace) => trace.mode?.startsWith('lines'));
  const themed = (figure) => {
    const { data, layout } = figure;
    const form = figure.live.closest('section')?.querySelector('.controls');
    const log = (name) => (form && isCurve(figure) && form.elements[name].checked ? { type: 'log', rangemode: 'normal' } : {});
    return {
      ...layout, autosize: true, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', colorway: JSON.parse(packed.dataset.colours),
      margin: { l: 64, r: 12, t: 12, b: 44 },
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour('--muted') },
      legend: { ...layout.legend, font: { color: colour('--ink') } },
      hoverlabel: { bgcolor: colour('--surface'), bordercolor: colour('--line'), font: { color: colour('--ink') } },
      xaxis: axis(layout.xaxis, { showgrid: false, showline: true, ...named(data, 'x'), ...log('x') }),
      yaxis: axis(layout.yaxis, { ...named(data, 'y'), ...log('y') }),
    };
  };

  // m = β m + (1 − β) x, shown as m / (1 − βⁿ); β = (1 − 1 / steps) ** size
  const movingAverage = (values, steps, size) => {
    const beta = (1 - 1 / steps) ** size;
    let mean = 0;
    let rest = 1;
    return values.map((value) => {
      if (value === null || !Number.isFinite(value)) return null;
      mean = beta * mean + (1 - beta) * value;
      rest *= beta;
      return mean / (1 - rest);
    });
  };
  const stepsOf = (form) => Math.round(10 ** ((3 * Number(form.elements.smoothing.value)) / 100));
  // Lines are faint where their average is drawn over them.
  const traces = (figure) => {
    const form = figure.live.closest('section')?.querySelector('.controls');
    const steps = form && figure.smoothing !== undefined ? stepsOf(form) : 1;
    return figure.data.flatMap((trace, index) => {
      if (steps <= 1 || trace.mode !== 'lines' || trace.fill || trace.x.length < 30) return [trace];
      const means = figure.means[index] ?? { x: trace.x, y: trace.y, size: 1 };
      const faint = { ...trace, opacity: 0.3, showlegend: false, hoverinfo: 'skip', line: { ...trace.line, width: 1 } };
      return [faint, { ...trace, x: means.x, y: movingAverage(means.y, steps, means.size) }];
    });
  };
  const chosen = (figure) => {
    const buttons = figure.live.dataset.chooses ? figure.live.closest('section').querySelectorAll('[data-choose][aria-pressed="true"]') : [];
    return [...buttons].map((button) => button.dataset.choose);
  };
  const palette = JSON.parse(packed.dataset.colours);
  // Lines that a reader picked out have colours and bands; the others step back.
  const picked = (figure) => {
    const some = chosen(figure);
    if (some.length === 0) return figure;
    const data = figure.data.map((trace) => {
      const owner = trace.fill ? figure.data[trace.meta.line] : trace;
      const place = some.indexOf(owner.name);
      if (place < 0) return trace.fill ? { ...trace, visible: false } : { ...trace, opacity: 0.25, showlegend: false, line: { ...trace.line, width: 1, color: colour('--muted') } };
      const own = palette[place % palette.length];
      return trace.fill ? { ...trace, visible: true, fillcolor: own, opacity: 0.15 } : { ...trace, opacity: 1, showlegend: true, line: { ...trace.line, width: 2.5, color: own } };
    });
    return { ...figure, data };
  };
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'] };
  const drawn = [];
  const draw = (figure) => Plotly.react(figure.live, traces(picked(figure)), themed(figure), config);
  const tell = (form) => { const steps = stepsOf(form); form.elements.steps.value = steps <= 1 ? 'off' : 'about ' + steps.toLocaleString('en') + ' steps'; };
  for (const form of document.querySelectorAll('.controls')) tell(form);
  for (const chart of charts) {
    const live = chart.querySelector('.live');
    const still = chart.querySelector('.still');
    const figure = { ...valuesOf(chart.dataset.figure), live };
    live.hidden = false;
    still.hidden = true;
    try {
      await Plotly.newPlot(live, traces(figure), themed(figure), config);
      drawn.push(figure);
      chart.dataset.drawn = 'true';
      if (live.dataset.chooses) {
        // The line under the pointer comes forward; which trace it is, Plotly says, and its order in the drawing is that of the lines.
        const lines = () => [...live.querySelectorAll('.scatterlayer > .trace')];
        live.on('plotly_hover', ({ points: [point] }) => {
          const own = lines().find((line) => line.__data__?.[0]?.trace?.index === point.curveNumber);
          for (const line of lines()) line.style.opacity = line === own ? '1' : '0.25';
          if (own) own.style.strokeWidth = '4px';
        });
        live.on('plotly_unhover', () => { for (const line of lines()) line.style.opacity = ''; });
      }
    } catch (error) {
      live.hidden = true;
      still.hidden = false;
      console.error(error);
    }
  }
  let waiting = 0;
  document.addEventListener('input', ({ target }) => {
    const form = target.closest?.('.controls');
    if (!form) return;
    tell(form);
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => {
      for (const figure of drawn) if (form.closest('section').contains(figure.live)) draw(figure);
    });
  });
  document.addEventListener('submit', (event) => event.preventDefault());
  document.addEventListener('click', ({ target }) => {
    const button = target.closest?.('[data-choose]');
    if (!button) return;
    button.setAttribute('aria-pressed', String(button.getAttribute('aria-pressed') !== 'true'));
    for (const figure of drawn) if (figure.live.dataset.chooses && button.closest('section').contains(figure.live)) draw(figure);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const figure of drawn) draw(figure);
  });
  document.documentElement.dataset.ready = 'true';
})();
`;
