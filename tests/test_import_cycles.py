"""No file of the package imports itself by way of others; what only a type checker reads does not count."""

from __future__ import annotations

import grimp


def test_no_circle_between_files() -> None:
    graph = grimp.build_graph("uhd", exclude_type_checking_imports=True)
    below = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    # What imports nothing that is left is in no circle; repeated until only circles are left.
    while free := [name for name, imported in below.items() if not imported & below.keys()]:
        for name in free:
            del below[name]
    assert below == {}, f"in a circle, or above one: {sorted(below)}"
