"""The CUDA kernels of fastbg, installed as ``fastbg.cuda_kernels``.

On the device:

* kernels: ``direct`` (loss and gradient, each pixel with each centre), ``tiled`` (the same for
  large problems), ``adam`` (the sums over chunks and the steps of descents), ``lbfgs`` (its steps),
  ``render``;
* device functions that they are made of: ``forward`` and ``backward`` (a tile of pixels),
  ``pixel_loss``, ``inverse_hessian`` (of L-BFGS), ``reduction``, ``maths`` (scalar mathematics).

On the host:

* ``objective`` and ``rendering``: a problem and a rendering on the device; ``evaluation`` (the
  pixels, loss and gradient), ``descents`` (by Adam) and ``search`` (by L-BFGS), both in ``bursts``;
* ``memory`` (the device memory within a budget), ``account`` (its size before it is taken),
  ``device`` (name, free memory, failures), ``graph`` (one launch of many), ``compilation``;
* ``layout`` (chunks and arrays), ``search_state`` (arrays of L-BFGS), ``tiles`` (interpolation),
  ``tile_work`` (the work of a block on a tile), ``direct_work`` (its work without tiles),
  ``pixels`` (the pixels of a problem).
"""

if __name__ != "fastbg.cuda_kernels":
    raise ImportError("import this package as fastbg.cuda_kernels")
