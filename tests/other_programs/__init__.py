"""Files that fastbg shares with other programs, and what each makes of those of the other.

`written` are files that fastbg writes and `programs` read them; `writers` make others, which fastbg
reads. `cells` says in words what comes back, and keeps it in `cells.json`, from which
docs/tools/compatibility_page.py makes docs/compatibility.md.
"""
