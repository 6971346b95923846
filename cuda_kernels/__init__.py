"""The CUDA kernels of fastbg, installed as ``fastbg.cuda_kernels``.

``maths`` is their scalar mathematics, ``layout`` how work and memory are cut, ``tiles`` how values
are interpolated, ``pixels`` how those of a problem are held. ``objective`` (loss and gradient, each
pixel with each centre), ``tiled`` (the same for large problems, in tiles), ``adam`` (the step of a
descent) and ``render`` are the kernels. ``account`` tells how much device memory is taken, before
``device`` takes it and launches; ``graph`` makes one launch of many.
"""

if __name__ != "fastbg.cuda_kernels":
    raise ImportError("import this package as fastbg.cuda_kernels")
