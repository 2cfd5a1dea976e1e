"""Certificates: networks trained to be short, as codes of description language 1.

`docs/certificates.md` fixes the language, the files and the integer arithmetic; everything here
follows it. NumPy encodes, decodes and counts; torch only trains.
"""
