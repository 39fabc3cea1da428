"""What the development provider's pages look like; the policy names the style by its digest."""

import base64
import hashlib

STYLE = (
    ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;"
    "place-items:center;background:light-dark(#f4f4f1,#16181b);color:light-dark(#1d2125,#e7e9ea)}main{width:min(22rem,"
    "88vw)}h1{font-size:1.3rem;margin:0 0 .25rem}p{margin:.25rem 0 1.25rem;opacity:.75}label{display:block;margin:.8rem"
    " 0 .25rem;font-weight:600}input,button{font:inherit;width:100%;box-sizing:border-box;padding:.6rem .7rem;border-"
    "radius:.5rem;border:1px solid light-dark(#b9bdc1,#4b5157);background:light-dark(#fff,#212428);color:inherit}button"
    "{margin-top:1.25rem;background:#1f5f4a;border-color:#1f5f4a;color:#fff;font-weight:600;cursor:pointer}"
    "[role=alert]{color:light-dark(#a1260d,#ff9d86);opacity:1}"
)
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
