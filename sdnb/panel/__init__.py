"""The panel: everything a cell does, with the mouse.

It is made of ipywidgets and of one component of its own, the gallery. Nothing of it is imported until
``%sdnb panel`` or `sdnb.Panel` is used.
"""
