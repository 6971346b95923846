"""The live page: a result in the browser, whose sky is corrected with a brush and fitted anew.

`server` opens an image and serves its page until that is closed. `guard` decides who may speak to
it, `messages` what a page may ask for, and `pages` carries what it is told. The `session` is what
was done so far: a `document` and its `history`, with painted `layers`; `session_file` keeps it from
a crash. The `engine` fits what the document says, `fitter` does so beside everything else, and
`pictures` and `tiles` are what a page draws. `saving` runs the jobs that `fastbg run` runs, and
`command` is the command line that repeats them.
"""
