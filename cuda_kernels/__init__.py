"""The CUDA kernels of fastbg, installed as ``fastbg.cuda_kernels``; this version has none yet."""

if __name__ != "fastbg.cuda_kernels":
    raise ImportError("import this package as fastbg.cuda_kernels")
