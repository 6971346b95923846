"""All of fastbg: modules that it imports by name, templates, and the page of ``fastbg live``."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = collect_submodules("fastbg", filter=lambda name: ".cuda_kernels." not in name)
datas = collect_data_files("fastbg")
