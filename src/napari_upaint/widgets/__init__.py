"""Floor 5: the window; the only floor that imports Qt and napari.

* ``upaint.py`` is the dock, which makes and connects the others.
* ``_sections.py`` holds its visible parts: ``_*_section.py``, ``_*_row.py`` and single controls, which touch no layer
  and start no job.
* Only ``_layers.py`` and its parts ``_*_layers.py`` touch napari's layers, on the main thread. They hand out frozen
  values, safe in threads: ``_sources.py``, ``_viewed.py``, ``_measured_objects.py``.
* ``_background.py``, ``_after_pause.py``, ``_turns.py`` and ``_job_bridge.py`` keep work away from the main thread.
* What connects these is named after what it does: ``_choosing.py``, ``_training.py``, ``_segmenting.py``,
  ``_linking.py`` and so on.
"""
