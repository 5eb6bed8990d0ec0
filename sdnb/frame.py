"""The frame of all that sdnb shows in a notebook: one element, on one line, with its style sheet.

There is exactly one ``<div class="sdnb">``, and no other ``<div>`` inside, so that this regular expression
finds all of it, as nbval's sanitize file needs::

    <div class="sdnb">.*?</div>
"""

from __future__ import annotations

__all__ = ["QUIET", "ROW", "framed"]

#: The style of texts that stand back.
QUIET = "opacity:.65"
#: Begins a row of a table without the stripes of JupyterLab, also where the style sheet is dropped.
ROW = '<tr style="background:none">'

_BACKGROUND = (
    "var(--jp-layout-color0,var(--vscode-editor-background,var(--colab-primary-surface-color,Canvas)))"
)
_FOCUS = "var(--jp-brand-color1,var(--vscode-focusBorder,Highlight))"
_STYLE = f"""
.sdnb{{font-family:var(--jp-ui-font-family,var(--vscode-font-family,system-ui,sans-serif))}}
.sdnb thead{{position:sticky;top:0;z-index:2}}
.sdnb table.sdnb-table>thead>tr>th,.sdnb table.sdnb-table>tbody>tr>th{{background:{_BACKGROUND}}}
.sdnb table.sdnb-table>*>tr>th:first-child{{position:sticky;left:0;z-index:1}}
.sdnb .sdnb-title{{position:sticky;left:3px}}
.sdnb .sdnb-clip{{display:-webkit-box!important;-webkit-box-orient:vertical}}
.sdnb summary::-webkit-details-marker{{display:none}}
.sdnb summary:focus-visible{{outline:2px solid {_FOCUS};outline-offset:-2px}}
.sdnb summary{{cursor:zoom-in!important}}
.sdnb details[open]>summary{{cursor:zoom-out!important}}
.sdnb details dt,.sdnb details dd{{float:none;width:auto;margin:0;padding:0;font-weight:normal}}
.sdnb dt{{opacity:.65}}
""".replace("\n", "")


def framed(content: str) -> str:
    """Return content, which has no ``<div>``, in the frame."""
    return f'<div class="sdnb"><style>{_STYLE}</style>{content}</div>'.replace("\n", "&#10;")
