package ma.jamaa.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import jakarta.validation.Valid;
import jakarta.validation.constraints.Size;
import java.io.File;
import java.security.MessageDigest;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/** The same submission on the same tables: token, authorisation, key, number, event, outbox; no row-level security. */
@SpringBootApplication
@RestController
public class Application {
  private static final List<String> REQUIRED =
      List.of("application_form", "ownership_certificate", "works_description");
  private final JdbcTemplate jdbc;
  private final ObjectMapper json;

  Application(JdbcTemplate jdbc, ObjectMapper json) {
    this.jdbc = jdbc;
    this.json = json;
  }

  public static void main(String[] args) {
    SpringApplication.run(Application.class, args);
  }

  record Submission(@Size(max = 4000) String circumstances) {}

  record Held(String procedure, String collectivity, String applicant, String state, long version, String body) {}

  @Transactional
  @PostMapping("/dossiers/{id}/submission")
  public ResponseEntity<String> submit(
      @PathVariable UUID id,
      @RequestHeader("Idempotency-Key") String key,
      @Valid @RequestBody Submission submission,
      @AuthenticationPrincipal Jwt token)
      throws Exception {
    String who = token.getSubject();
    List<String> roles = token.getClaimAsStringList("roles");
    if (roles == null || !roles.contains("citizen")) {
      throw new ResponseStatusException(HttpStatus.FORBIDDEN);
    }
    String route = "POST /dossiers/" + id + "/submission";
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(json.writeValueAsBytes(submission));
    int claimed =
        jdbc.update(
            "INSERT INTO msg.idempotency (principal, key, route, request_hash) VALUES (?, ?, ?, ?)"
                + " ON CONFLICT DO NOTHING",
            who, key, route, hash);
    if (claimed == 0) {
      Map<String, Object> first =
          jdbc.queryForMap("SELECT status, body FROM msg.idempotency WHERE principal = ? AND key = ?", who, key);
      return ResponseEntity.status((int) first.get("status")).body(new String((byte[]) first.get("body")));
    }
    Held held =
        jdbc.query(
                "SELECT procedure, collectivity, applicant, state, version, body FROM rokhas.dossier"
                    + " WHERE id = ? FOR UPDATE",
                (r, n) ->
                    new Held(
                        r.getString(1), r.getString(2), r.getString(3), r.getString(4), r.getLong(5), r.getString(6)),
                id)
            .stream()
            .findFirst()
            .orElseThrow(() -> new ResponseStatusException(HttpStatus.NOT_FOUND));
    if (!held.applicant().equals(who)) {
      throw new ResponseStatusException(HttpStatus.NOT_FOUND);
    }
    if (!held.state().equals("draft")) {
      throw new ResponseStatusException(HttpStatus.CONFLICT);
    }
    Instant now = jdbc.queryForObject("SELECT msg.legal_now()", Timestamp.class).toInstant();
    int year = now.atZone(ZoneId.of("Africa/Casablanca")).getYear();
    Integer last =
        jdbc.queryForObject(
            "INSERT INTO rokhas.numbering AS n VALUES (?, ?, 1) ON CONFLICT (collectivity, year)"
                + " DO UPDATE SET last = n.last + 1 RETURNING last",
            Integer.class, held.collectivity(), year);
    String reference = "%s/%d/%05d".formatted(held.collectivity(), year, last);
    ObjectNode body = (ObjectNode) json.readTree(held.body());
    JsonNode documents = body.path("documents");
    List<String> missing = new ArrayList<>();
    for (String document : REQUIRED) {
      if (!documents.has(document)) {
        missing.add(document);
      }
    }
    String state = missing.isEmpty() ? "under_review" : "incomplete";
    body.set("missing", json.valueToTree(missing));
    if (missing.isEmpty()) {
      body.put("completed_at", now.toString());
    }
    Map<String, Object> event =
        Map.of(
            "procedure", held.procedure(), "collectivity", held.collectivity(), "submitted_at", now.toString(),
            "reference", reference, "complete", missing.isEmpty(), "missing", missing, "channel", "portal");
    long version =
        jdbc.queryForObject(
            "SELECT seq FROM msg.emit('dossier', ?, 'ma.jamaa.rokhas.dossier.submitted.v1', ?, ?, ?::jsonb, ?)",
            Long.class,
            id.toString(), held.collectivity(), json.writeValueAsBytes(event),
            json.writeValueAsString(Map.of("actor", who)), Timestamp.from(now));
    jdbc.update(
        "UPDATE rokhas.dossier SET state = ?, reference = ?, submitted_at = ?, version = ?, body = ?::jsonb"
            + " WHERE id = ?",
        state, reference, Timestamp.from(now), version, json.writeValueAsString(body), id);
    String receipt =
        json.writeValueAsString(
            Map.of(
                "dossier", id, "reference", reference, "status", missing.isEmpty() ? "complete" : "incomplete",
                "procedure", held.procedure(), "collectivity", held.collectivity(),
                "submitted_at", now.toString(), "missing", missing, "version", version));
    jdbc.update(
        "UPDATE msg.idempotency SET status = 200, body = ?, headers = '[]' WHERE principal = ? AND key = ?",
        receipt.getBytes(), who, key);
    return ResponseEntity.ok().contentType(MediaType.APPLICATION_JSON).body(receipt);
  }

  @Bean
  SecurityFilterChain security(HttpSecurity http) throws Exception {
    return http.csrf(csrf -> csrf.disable())
        .sessionManagement(session -> session.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
        .authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
        .oauth2ResourceServer(server -> server.jwt(jwt -> {}))
        .build();
  }

  @Bean
  JwtDecoder decoder(@Value("${bench.jwks}") String jwks, @Value("${bench.issuer}") String issuer) throws Exception {
    DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();
    processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
    processor.setJWSKeySelector(
        new JWSVerificationKeySelector<>(JWSAlgorithm.ES256, new ImmutableJWKSet<>(JWKSet.load(new File(jwks)))));
    NimbusJwtDecoder decoder = new NimbusJwtDecoder(processor);
    decoder.setJwtValidator(JwtValidators.createDefaultWithIssuer(issuer));
    return decoder;
  }
}
