"""The deployed topology on one machine: the templates' own wiring, moto's state, the real handlers."""
