// Reads Factur-X files with factur-x-kit: finds the invoice in the PDF and holds it against its own
// model of EN 16931. Usage: facturx.mjs FILE.pdf...
import { readFileSync } from 'node:fs';
import { FacturX } from 'factur-x-kit';

// It adds amounts as floating-point numbers, so that its BR-CO-16 misses by a rounding error.
function excused({ message }, { totals }) {
  const due = totals.grossTotal - (totals.prepaidAmount ?? 0);
  return message.startsWith('[BR-CO-16]') && Math.abs(due - totals.openAmount) < 0.005;
}

let wrong = 0;
for (const path of process.argv.slice(2)) {
  const invoice = await FacturX.fromPDF(readFileSync(path));
  const { errors = [] } = invoice.validate();
  for (const error of errors.filter((one) => !excused(one, invoice.object))) {
    console.log(`${path}: ${error.message} (${error.path?.join('.')})`);
    wrong += 1;
  }
}
process.exit(wrong > 0 ? 1 : 0);
