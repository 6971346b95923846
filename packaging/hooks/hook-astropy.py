"""The headers and tiles of FITS, and what `regions` needs; PyInstaller's own hook takes all."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

KEPT = ("config", "constants", "coordinates", "io.fits", "table", "time", "units", "utils", "wcs")

hiddenimports = ["numpy.lib.recfunctions"]
for _part in KEPT:
    hiddenimports += collect_submodules(
        f"astropy.{_part}", filter=lambda name: ".tests" not in name
    )
datas = copy_metadata("astropy") + copy_metadata("numpy")
datas += collect_data_files("astropy", excludes=["**/tests/**", "cosmology", "visualization"])
datas += [
    (path, place)
    for path, place in collect_data_files("astropy", include_py_files=True)
    if path.endswith(("_parsetab.py", "_lextab.py"))
]
