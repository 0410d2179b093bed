"""The style sheet of a page: light or dark, as the system or the notebook's theme requests."""

from __future__ import annotations

__all__ = ["STYLE"]

_LIGHT = """
--bg:#ffffff;--card:#f6f7f9;--fg:#1c2430;--dim:#515c6b;--line:#d5dae1;--warn-bg:#fff1d6;
--warn:#7a4300;--focus:#1d4ed8;--N:#d3efe1;--n0:#dbe7ff;--n1:#f5dcf3;--n2:#fbe6c8;--n3:#e3dffc;
--blue:#3b82f6;--orange:#ea580c;"""

_DARK = """
--bg:#14181f;--card:#1d232c;--fg:#e8ebf0;--dim:#a9b3c1;--line:#39424f;--warn-bg:#3d2c0c;
--warn:#ffcf85;--focus:#8ab4ff;--N:#1c4a37;--n0:#263f70;--n1:#592a55;--n2:#5c3f12;--n3:#3f377a;
--blue:#3b82f6;--orange:#ea580c;"""

_DARK_THEMES = (
    'html[data-theme="dark"]',
    'body[data-jp-theme-light="false"]',
    "body.vscode-dark",
    'html[theme="dark"]',
)
_LIGHT_THEMES = (
    'html[data-theme="light"]',
    'body[data-jp-theme-light="true"]',
    "body.vscode-light",
)


def _themed(themes: tuple[str, ...], colours: str) -> str:
    return ",".join(f"{theme} .xpnet-page" for theme in themes) + "{" + colours + "}"


STYLE = (
    ".xpnet-page{display:block !important;color-scheme:light dark;"
    + _LIGHT
    + "}@media(prefers-color-scheme:dark){.xpnet-page{"
    + _DARK
    + "}}"
    + _themed(_DARK_THEMES, _DARK)
    + _themed(_LIGHT_THEMES, _LIGHT)
    + """
.xpnet-fallback{display:none}
.xpnet-page{background:var(--bg);color:var(--fg);font:14px/1.45 system-ui,sans-serif;padding:1em;
max-width:78em;margin:0 auto;box-sizing:border-box;overflow-wrap:break-word}
.xpnet-page *{box-sizing:border-box}
.xpnet-page h1{font-size:1.35em;margin:0 0 .3em}
.xpnet-page h2{font-size:1.02em;margin:0 0 .6em;font-weight:650}
.xpnet-page p{margin:.3em 0}
.xpnet-page .dim{color:var(--dim)}
.xpnet-page .band{border-top:2px solid var(--line);padding:.8em 0}
.xpnet-page .pair{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:.6em 1.4em;
align-items:start}
.xpnet-page h3{font-size:1.02em;margin:0 0 .6em;font-weight:650}
.xpnet-page .pass{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);column-gap:1.4em}
.xpnet-page .pass>*{grid-row:var(--line-of)}
.xpnet-page .down{grid-column:1}.xpnet-page .up{grid-column:2}.xpnet-page .wide{grid-column:1/3}
.xpnet-page .head{border-top:2px solid var(--line);padding-top:.8em}
.xpnet-page div.down,.xpnet-page div.up{display:flex;flex-direction:column;gap:.6em;
padding-bottom:.8em}
.xpnet-page div.up{flex-direction:column-reverse;justify-content:flex-end;position:relative}
.xpnet-page .up h3{position:absolute;width:1px;height:1px;margin:0;overflow:hidden;
clip-path:inset(50%);white-space:nowrap}
.xpnet-page h2.way{padding:.8em 0 .3em;margin:0}
.xpnet-page h2.down::after{content:" ↓"}.xpnet-page h2.up::after{content:" ↑"}
.xpnet-page .eq{background:var(--card);border:1px solid var(--line);border-radius:6px;
padding:.5em .7em}
.xpnet-page .eq math{font-size:1.18em}
.xpnet-page label{cursor:pointer;display:block}
.xpnet-page label::before{content:"▸";display:inline-block;width:1.1em;color:var(--dim)}
.xpnet-page input:checked+label::before{content:"▾"}
.xpnet-page input{position:absolute;opacity:0;width:1px;height:1px;margin:0}
.xpnet-page input:focus-visible+label{outline:2px solid var(--focus);outline-offset:2px}
.xpnet-page .more{display:none}
.xpnet-page input:checked+label~.more{display:block}
.xpnet-page sub{line-height:0}
.xpnet-page .number{float:right;padding-left:.6em;color:var(--dim);
font-variant-numeric:tabular-nums}
.xpnet-page .shapes{font-variant-numeric:tabular-nums;margin:.25em 0 .35em}
.xpnet-page .axis{border-radius:3px;padding:0 .25em;font-weight:650;
border-bottom:2px solid var(--dim)}
.xpnet-page .body{display:flex;flex-wrap:wrap;gap:.2em 1em;align-items:flex-start}
.xpnet-page .said{flex:1 1 12em;min-width:0}
.xpnet-page .N{background:var(--N)}.xpnet-page .n0{background:var(--n0)}
.xpnet-page .n1{background:var(--n1)}.xpnet-page .n2{background:var(--n2)}
.xpnet-page .n3{background:var(--n3)}
.xpnet-page figure{margin:.2em 1em .2em 0;display:inline-block;vertical-align:top;max-width:100%}
.xpnet-page figcaption{font-size:.86em;color:var(--dim);font-variant-numeric:tabular-nums}
.xpnet-page img{image-rendering:pixelated;border:1px solid var(--line);display:block;
background:var(--bg);max-width:100%}
.xpnet-page .ramp{display:inline-block;width:4em;height:.7em;margin:0 .3em;vertical-align:-.05em;
border:1px solid var(--line);
background:linear-gradient(90deg,var(--blue),transparent 50%,var(--orange))}
.xpnet-page .above{background:linear-gradient(90deg,transparent,var(--orange))}
.xpnet-page .below{background:linear-gradient(90deg,var(--blue),transparent)}
.xpnet-page .warning{background:var(--warn-bg);color:var(--warn);border-radius:4px;
padding:.2em .5em}
.xpnet-page .scroll{overflow-x:auto}
.xpnet-page table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.4em 0}
.xpnet-page td,.xpnet-page th{padding:.12em .8em .12em 0;text-align:right;font-weight:400}
.xpnet-page th{color:var(--dim)}
.xpnet-page td:first-child,.xpnet-page th:first-child{text-align:left}
.xpnet-page .inner{border-left:4px solid var(--line);padding-left:.9em}
@media(max-width:46em){.xpnet-page .pair{grid-template-columns:minmax(0,1fr)}
.xpnet-page .pass,.xpnet-page div.up{display:block}.xpnet-page .pass .eq{margin-bottom:.6em}
.xpnet-page .up h3{position:static;width:auto;height:auto;margin:0 0 .6em;clip-path:none;
white-space:normal}
.xpnet-page div.up{border-top:2px solid var(--line);padding-top:.8em}
.xpnet-page div.up:empty{display:none}
.xpnet-page h2.way::after{content:""}.xpnet-page .arrow{display:none}}
"""
)
"""The content of a page's ``<style>``; without it, the text table is shown instead."""
