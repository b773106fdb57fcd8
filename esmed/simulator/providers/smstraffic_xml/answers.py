"""The XML that SMS Traffic's HTTP API v1 answers with."""

from xml.etree.ElementTree import Element, SubElement, tostring

from aiohttp import web

from esmed.simulator.providers._smstraffic import Refused


def done(description: str) -> Element:
    answer = Element("reply")
    SubElement(answer, "result").text = "OK"
    SubElement(answer, "code").text = "0"
    if description:
        SubElement(answer, "description").text = description
    return answer


def refusal(refused: Refused) -> web.Response:
    answer = Element("reply")
    SubElement(answer, "result").text = "ERROR"
    SubElement(answer, "code").text = str(refused.code)
    SubElement(answer, "description").text = refused.text
    return xml(answer)


def xml(root: Element) -> web.Response:
    """In windows-1251, as some of the description's answers say they are."""
    body = b'<?xml version="1.0" encoding="windows-1251" ?>\n'
    body += tostring(root, encoding="unicode").encode("cp1251", "xmlcharrefreplace")
    return web.Response(body=body, headers={"Content-Type": "text/xml"})
