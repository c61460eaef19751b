// Prints a line for each file that is named: its path and, for what ISO 19005-3 level B forbids, clause and object.
// Run by Rhino, which comes with veraPDF: no compiler of Java is needed.
importPackage(Packages.org.verapdf.pdfa);
Packages.org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider.initialise();
var flavour = Packages.org.verapdf.pdfa.flavours.PDFAFlavour.PDFA_3_B;
for (var i = 0; i < arguments.length; i++) {
  var parser = Foundries.defaultInstance().createParser(new java.io.FileInputStream(arguments[i]), flavour);
  var result = Foundries.defaultInstance().createValidator(flavour, false).validate(parser);
  var broken = {};
  for (var each = result.getTestAssertions().iterator(); each.hasNext(); ) {
    var found = each.next();
    if (found.getStatus().name() == "FAILED") {
      broken[found.getRuleId().getClause() + " at " + found.getLocation().getContext()] = true;
    }
  }
  parser.close();
  print(arguments[i] + " " + (result.isCompliant() ? "PDF/A-3b" : Object.keys(broken).join("; ")));
}
