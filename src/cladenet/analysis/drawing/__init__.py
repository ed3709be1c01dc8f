"""Drawings of networks and their units, made from what ran: as text and as SVG."""
