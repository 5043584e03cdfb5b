/* What the file says of itself: PDF/A-3b, and Factur-X with the schema of its own words, which
 * PDF/A wants described. */
#include "core/paper/letters.h"
#include "core/paper/pdf.h"

static const char extension[] =
    "<rdf:Description rdf:about=\"\""
    " xmlns:pdfaExtension=\"http://www.aiim.org/pdfa/ns/extension/\""
    " xmlns:pdfaSchema=\"http://www.aiim.org/pdfa/ns/schema#\""
    " xmlns:pdfaProperty=\"http://www.aiim.org/pdfa/ns/property#\">\n"
    "<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType=\"Resource\">\n"
    "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>\n"
    "<pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
    "</pdfaSchema:namespaceURI>\n"
    "<pdfaSchema:prefix>fx</pdfaSchema:prefix>\n<pdfaSchema:property><rdf:Seq>\n";

static void property(struct buf *out, const char *name, const char *description)
{
    buf_printf(out,
               "<rdf:li rdf:parseType=\"Resource\"><pdfaProperty:name>%s</pdfaProperty:name>"
               "<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
               "<pdfaProperty:category>external</pdfaProperty:category>"
               "<pdfaProperty:description>%s</pdfaProperty:description></rdf:li>\n",
               name, description);
}

static void facturx(struct buf *out)
{
    buf_text(out, extension);
    property(out, "DocumentFileName", "name of the embedded XML invoice file");
    property(out, "DocumentType", "INVOICE");
    property(out, "Version", "The actual version of the Factur-X XML schema");
    property(out, "ConformanceLevel", "The conformance level of the embedded Factur-X data");
    buf_text(out, "</rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>\n"
                  "</rdf:Description>\n"
                  "<rdf:Description rdf:about=\"\""
                  " xmlns:fx=\"urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#\">\n"
                  "<fx:DocumentType>INVOICE</fx:DocumentType>\n"
                  "<fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>\n"
                  "<fx:Version>1.0</fx:Version>\n"
                  "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>\n"
                  "</rdf:Description>\n");
}

void xmp_packet(const struct pdf_info *info, struct buf *out)
{
    char made[11];
    day_format(info->made, made);
    buf_text(out, "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
                  "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
                  "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
                  "<rdf:Description rdf:about=\"\""
                  " xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\">\n"
                  "<pdfaid:part>3</pdfaid:part>\n"
                  "<pdfaid:conformance>B</pdfaid:conformance>\n"
                  "</rdf:Description>\n"
                  "<rdf:Description rdf:about=\"\""
                  " xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n"
                  "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">");
    letters_escape(out, info->title);
    buf_text(out, "</rdf:li></rdf:Alt></dc:title>\n<dc:creator><rdf:Seq><rdf:li>");
    letters_escape(out, info->author);
    buf_printf(out,
               "</rdf:li></rdf:Seq></dc:creator>\n</rdf:Description>\n"
               "<rdf:Description rdf:about=\"\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\">\n"
               "<xmp:CreatorTool>Passerelle</xmp:CreatorTool>\n"
               "<xmp:CreateDate>%sT00:00:00Z</xmp:CreateDate>\n"
               "<xmp:ModifyDate>%sT00:00:00Z</xmp:ModifyDate>\n</rdf:Description>\n",
               made, made);
    if (info->attached.len > 0) {
        facturx(out);
    }
    buf_text(out, "</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>");
}
