// SPDX-License-Identifier: Apache-2.0

/// The style of the page: light, dark and paper.
///
/// Colours of the marks are those of Okabe and Ito, which people with any common colour blindness can tell apart, darkened or
/// lightened for contrast on each background; lines differ in their dashes too.
enum StyleSheet {
    static let text = """
        :root { --ground: #fbfbfa; --card: #ffffff; --ink: #1d2126; --soft: #626a73; --rule: #e3e5e8; --grid: #eceef0;
          --blue: #0067a5; --red: #c8480a; --green: #00795a; --purple: #a8467f; --sky: #2f8fc4; --gold: #a87900; --grey: #7a828b;
          --brown: #7d4a2d; --heat: #5f7f9c; --good: #00704f; --bad: #b93204; --warn: #8a6100;
          --fault: rgba(200, 72, 10, .09); --warmup: rgba(90, 100, 110, .10); --track: rgba(0, 103, 165, .10); }
        @media (prefers-color-scheme: dark) { :root { --ground: #14171a; --card: #1b1f24; --ink: #e6e9ec; --soft: #98a2ac;
          --rule: #2d333a; --grid: #272c32; --blue: #58b1ea; --red: #ff8552; --green: #3ecf9f; --purple: #e590c0;
          --sky: #9bd6f7; --gold: #e8b93c; --grey: #9aa3ac; --brown: #d09a76; --heat: #7d9cba; --good: #45d3a4; --bad: #ff8a5c;
          --warn: #e8b93c; --fault: rgba(255, 133, 82, .12); --warmup: rgba(160, 170, 180, .12);
          --track: rgba(88, 177, 234, .16); } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink); line-height: 1.45;
          font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
        main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 60px; }
        h1 { font-size: 28px; margin: 0; letter-spacing: -.01em; overflow-wrap: anywhere; }
        h2 { font-size: 21px; margin: 0; overflow-wrap: anywhere; }
        h3 { font-size: 15px; margin: 26px 0 8px; }
        section { margin-top: 44px; border-top: 2px solid var(--rule); padding-top: 22px; }
        .top { display: flex; flex-wrap: wrap; gap: 12px; align-items: center; }
        .lead { font-size: 17px; margin: 8px 0 2px; } .dim { color: var(--soft); } p { margin: 8px 0; }
        nav { margin-top: 12px; display: flex; flex-wrap: wrap; gap: 8px; }
        nav a { color: var(--blue); text-decoration: none; border: 1px solid var(--rule); border-radius: 6px; padding: 2px 10px;
          background: var(--card); }
        .badge { font-size: 12px; font-weight: 700; letter-spacing: .04em; padding: 3px 9px; border-radius: 20px;
          border: 1.5px solid currentColor; }
        .badge.valid { color: var(--good); } .badge.degraded { color: var(--warn); } .badge.invalid { color: var(--bad); }
        .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
        .notice { border-left: 3px solid var(--warn); padding: 4px 12px; color: var(--soft); }
        .reasons, .samples { margin: 10px 0; padding-left: 20px; overflow-wrap: anywhere; } .reasons { color: var(--warn); }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 10px; margin: 16px 0 10px; }
        .tile { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; display: flex;
          flex-direction: column; } .tile .label { font-size: 12px; color: var(--soft); }
        .tile strong { font-size: 21px; font-variant-numeric: tabular-nums; color: var(--ink); white-space: nowrap; }
        .tile.bad strong { color: var(--bad); } .tile .dim { font-size: 12px; }
        .table { overflow-x: auto; margin: 10px 0; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
        th, td { text-align: right; padding: 6px 12px; white-space: nowrap; position: relative; }
        th { color: var(--soft); font-weight: 500; font-size: 12.5px; border-bottom: 1px solid var(--rule); }
        th.text, td.text { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 9em; }
        tbody tr + tr td { border-top: 1px solid var(--grid); } td.strong, tr.sum td { font-weight: 650; }
        td small { font-size: 12px; margin-left: 4px; } .bar { position: absolute; right: 12px; bottom: 2px; height: 2px; border-radius: 1px;
          background: var(--heat); opacity: .7; }
        td.swatch { font-weight: 600; border-left: 5px solid var(--blue); }
        figure { margin: 18px 0; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 14px 8px;
          break-inside: avoid; } figure > svg, figure > div > svg { display: block; width: 100%; height: auto; }
        .title { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: baseline; font-weight: 650; margin-bottom: 6px; }
        .legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-weight: 400; font-size: 13px; color: var(--soft);
          margin-left: auto; } .key svg { width: 22px; height: 12px; margin-right: 5px; vertical-align: -1px; }
        .caption { font-size: 13px; color: var(--soft); margin: 4px 0 4px; }
        .multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 12px; }
        .multiples figure { margin: 0; }
        .switched input { position: absolute; opacity: 0; pointer-events: none; }
        .toggle { display: inline-flex; font-weight: 400; font-size: 12px; border: 1px solid var(--rule); border-radius: 6px;
          overflow: hidden; } .toggle label { padding: 1px 9px; cursor: pointer; color: var(--soft); }
        .switched .linear { display: none; } .pick-linear:checked ~ .linear { display: block; }
        .pick-linear:checked ~ .logarithmic { display: none; }
        .pick-log:checked ~ .title .to-log, .pick-linear:checked ~ .title .to-linear { background: var(--track);
          color: var(--ink); } .pick-log:focus-visible ~ .title .to-log, .pick-linear:focus-visible ~ .title .to-linear {
          outline: 2px solid var(--blue); outline-offset: -2px; }
        dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 12px 0; }
        dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; } summary { cursor: pointer; margin: 12px 0 6px; }
        pre { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px; overflow-x: auto;
          font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
        svg text { font: 11.5px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
        .tick { fill: var(--soft); } .name { fill: var(--ink); } .end { text-anchor: end; } .middle { text-anchor: middle; }
        .grid { stroke: var(--grid); stroke-width: 1; } .faint { opacity: .55; } .axis { stroke: var(--soft); opacity: .6; }
        .fault .fill { fill: var(--fault); } .warmup .fill { fill: var(--warmup); } .warmup .edge { stroke: none; }
        .fault .edge { stroke: var(--red); stroke-dasharray: 3 3; } .fault .label { fill: var(--bad); }
        .warmup .label { fill: var(--soft); }
        .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .p50 { stroke: var(--blue); } .p99 { stroke: var(--red); } .max { stroke: var(--grey); stroke-width: 1.1;
          stroke-dasharray: 1 3; } .due { stroke: var(--ink); stroke-width: 1.4; } .heat { fill: var(--heat); } .key .heat { fill-opacity: .6; }
        .failed-dot { fill: var(--purple); } .hover { fill: transparent; } .hover:hover { fill: var(--ink); fill-opacity: .07; }
        .v0 { stroke: var(--blue); border-left-color: var(--blue) !important; }
        .v1 { stroke: var(--red); stroke-dasharray: 7 4; border-left-color: var(--red) !important; }
        .v2 { stroke: var(--green); stroke-dasharray: 12 3 2 3; border-left-color: var(--green) !important; }
        .v3 { stroke: var(--purple); stroke-dasharray: 3 4; border-left-color: var(--purple) !important; }
        .v4 { stroke: var(--gold); stroke-dasharray: 14 5; border-left-color: var(--gold) !important; }
        .v5 { stroke: var(--sky); stroke-dasharray: 5 3 1 3 1 3; border-left-color: var(--sky) !important; }
        .v6 { stroke: var(--grey); stroke-dasharray: 2 3; border-left-color: var(--grey) !important; }
        .v7 { stroke: var(--brown); stroke-dasharray: 9 3; border-left-color: var(--brown) !important; }
        .goal { stroke: var(--ink); stroke-dasharray: 6 4; stroke-width: 1.4; } .met-dot { fill: var(--good); }
        .missed-dot { fill: var(--bad); } .between .fill { fill: var(--track); }
        .uncertain { stroke-width: 1; stroke-dasharray: 1.5 3.5; opacity: .8; }
        .o-ok { fill: var(--green); fill-opacity: .55; } .o-rejected { fill: var(--gold); } .o-error-status { fill: var(--red); }
        .o-check-failed { fill: var(--purple); } .o-timeout { fill: var(--bad); fill-opacity: .75; }
        .o-connection { fill: var(--brown); } .o-tls { fill: var(--sky); } .o-malformed { fill: var(--purple); opacity: .6; }
        .o-aborted { fill: var(--grey); } .o-never-started { fill: var(--grey); fill-opacity: .5; }
        .s-closed { fill: var(--green); fill-opacity: .35; } .s-open { fill: var(--red); } .s-half-open { fill: var(--gold); }
        .s-forced-open { fill: var(--bad); } .s-forced-closed { fill: var(--green); } .s-other { fill: var(--grey); }
        .c-rejected { stroke: var(--red); } .c-fallbacks { stroke: var(--green); stroke-dasharray: 7 4; }
        .c-retries { stroke: var(--blue); stroke-dasharray: 12 3 2 3; } .c-timeouts { stroke: var(--purple);
          stroke-dasharray: 2 3; }
        @media screen and (max-width: 700px) { main { padding: 18px 12px 40px; } figure { overflow-x: auto; }
          figure > svg, figure > div > svg { min-width: 640px; } .multiples figure > svg { min-width: 0; }
          .multiples { grid-template-columns: 1fr; } .legend { margin-left: 0; } }
        @media print { :root { --ground: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #bbb; --grid: #ddd; }
          main { max-width: none; padding: 0; } nav, .toggle { display: none; } section { break-before: page; }
          tr { break-inside: avoid; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
        """
}
